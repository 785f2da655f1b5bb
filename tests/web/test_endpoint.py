import asyncio
from collections.abc import Callable

import pytest
from starlette.requests import Request
from starlette.types import Message
from structlog.testing import capture_logs
from support.asgi import FHIR, scoped
from support.requests import fhir_request, json_response

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.web.endpoint import Endpoint

PATIENT = json_response({"resourceType": "Patient"})


def answered(
    request: Request, response: FhirResponse = PATIENT, read: FhirRequest | Failure | None = None
) -> tuple[int, dict[str, str], bytes]:
    """What the endpoint sends: status, headers, body."""
    sent: list[Message] = []

    async def reading(request: Request) -> FhirRequest:
        if isinstance(read, Failure):
            raise read
        return read or fhir_request("Patient/1", method=request.method)

    async def handler(request: FhirRequest) -> FhirResponse:
        return response

    async def send(message: Message) -> None:
        sent.append(message)

    with capture_logs():
        asyncio.run(Endpoint(reading, handler)(request.scope, request.receive, send))
    start, end = sent
    fields = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
    assert len(dict(fields)) == len(fields), "a header is sent twice"
    return start["status"], dict(fields), end["body"]


def test_every_answer_says_that_a_gateway_stands_between_and_may_not_be_kept() -> None:
    status, headers, body = answered(scoped(f"{FHIR}/Patient/1"))
    assert (status, body) == (200, PATIENT.body)
    assert headers["x-intermediary"] == "halo-gateway"
    assert headers["cache-control"] == "no-store"
    assert headers["cache-status"] == "halo-gateway; detail=local"
    assert "ocp-apim-subscription-key" in headers["vary"]
    assert headers["x-request-id"] == "r-1"
    assert headers["content-length"] == str(len(body))


def test_a_handlers_own_cache_control_is_not_doubled() -> None:
    response = json_response({}, cache_control="private, max-age=5")
    assert answered(scoped(), response)[1]["cache-control"] == "private, max-age=5"


def test_repairs_are_named_only_where_there_were_any() -> None:
    assert "gateway-repairs" not in answered(scoped())[1]
    mended = PATIENT.replace(applied_repairs=("link-base-url", "last-updated-offset"))
    assert answered(scoped(), mended)[1]["gateway-repairs"] == "link-base-url, last-updated-offset"


def test_head_has_the_length_of_get_and_no_body() -> None:
    (_, got, _), (_, head, body) = answered(scoped()), answered(scoped(method="HEAD"))
    assert (head, body) == (got, b"")


def test_fhir_is_answered_under_the_type_that_was_asked_for() -> None:
    plain = fhir_request("Patient/1", response_format="application/json")
    assert answered(scoped())[1]["content-type"] == "application/fhir+json; charset=utf-8"
    assert answered(scoped(), read=plain)[1]["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "response",
    [
        FhirResponse(200, (("content-type", "application/pdf"),), b"%PDF"),
        FhirResponse(204, ()),
        FhirResponse(200, (), b"bare"),
    ],
)
def test_what_is_not_json_keeps_its_own_type(response: FhirResponse) -> None:
    assert answered(scoped(), response)[1].get("content-type", "") == response.header("content-type")


def test_halos_other_endpoints_keep_their_type() -> None:
    plain = fhir_request("Patient/1", site=None)
    assert answered(scoped(), read=plain)[1]["content-type"] == "application/json"


def test_a_refused_request_is_an_operation_outcome_with_a_request_id() -> None:
    failure = Failure(catalog.METHOD_NOT_ALLOWED, headers=(("allow", "GET"),))
    status, headers, body = answered(scoped(headers={"x-request-id": "trace-7"}), read=failure)
    assert status == 405
    assert b'"OperationOutcome"' in body
    assert (headers["allow"], headers["x-request-id"]) == ("GET", "trace-7")
    assert headers["content-type"] == "application/fhir+json; charset=utf-8"


def test_head_of_a_refused_request_has_no_body_either() -> None:
    assert answered(scoped(method="HEAD"), read=Failure(catalog.CREDENTIALS_MISSING))[2] == b""


def _bearing(value: str) -> Callable[[], FhirResponse]:
    return lambda: FhirResponse(201, (("location", value),), b"{}")


@pytest.mark.parametrize("made", [_bearing("Patient/1"), _bearing("Pati\u00ebnt"), _bearing("\u4e2d")])
def test_any_header_value_can_be_sent(made: Callable[[], FhirResponse]) -> None:
    assert "location" in answered(scoped(), made())[1]
