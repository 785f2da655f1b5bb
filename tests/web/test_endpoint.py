"""ASGI endpoint: headers, media types and rejections."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message
from structlog.testing import capture_logs
from support.asgi import FHIR, asgi_request
from support.ledger import RecordingSink, recorder_of
from support.requests import fhir_request, json_response

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.web.endpoint import Endpoint
from gateway.web.requested_form import RequestedForm

pytestmark = pytest.mark.anyio

PATIENT = json_response({"resourceType": "Patient"})


async def call_endpoint(
    request: Request, response: FhirResponse = PATIENT, read_result: FhirRequest | Failure | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body that the endpoint sends."""
    sent: list[Message] = []

    async def read_request(request: Request) -> FhirRequest:
        if isinstance(read_result, Failure):
            raise read_result
        return read_result or fhir_request("Patient/1", method=request.method)

    async def handler(request: FhirRequest) -> FhirResponse:
        return response

    async def send(message: Message) -> None:
        sent.append(message)

    with capture_logs():
        await Endpoint(read_request, RequestedForm(handler, recorder_of(RecordingSink())))(
            request.scope, request.receive, send
        )
    start, end = sent
    fields = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
    assert len(dict(fields)) == len(fields), "a header is sent twice"
    return start["status"], dict(fields), end["body"]


@pytest.mark.parametrize("is_ended", [False, True], ids=["bug", "cut off"])
async def test_answer_to_an_interrupted_request_keeps_queries_and_trace(is_ended: bool) -> None:
    async def interrupted(request: FhirRequest) -> FhirResponse:
        assert request.effects
        request.effects.queries, request.effects.trace_id = 1, "abc"
        raise asyncio.CancelledError if is_ended else ValueError

    async def read_request(request: Request) -> FhirRequest:
        return fhir_request("Patient/1")

    async def send(message: Message) -> None:
        del message

    request = asgi_request(f"{FHIR}/Patient/1")
    with capture_logs() as lines:
        endpoint = Endpoint(read_request, interrupted, has_ended=lambda: is_ended)
        await endpoint(request.scope, request.receive, send)
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["queries"], line["trace_id"]) == (1, "abc")
    assert line["code"] == ("gateway-shutdown" if is_ended else "gateway-error")


async def test_response_has_the_default_headers() -> None:
    status, headers, body = await call_endpoint(asgi_request(f"{FHIR}/Patient/1"))
    assert (status, body) == (200, PATIENT.body)
    assert headers["x-intermediary"] == "halo-gateway"
    assert headers["cache-control"] == "no-store"
    assert headers["cache-status"] == "halo-gateway; detail=local"
    assert "ocp-apim-subscription-key" in headers["vary"]
    assert headers["x-request-id"] == "r-1"
    assert headers["content-length"] == str(len(body))


async def test_cache_control_of_handler_replaces_the_default() -> None:
    response = json_response({}, cache_control="private, max-age=5")
    assert (await call_endpoint(asgi_request(), response))[1]["cache-control"] == "private, max-age=5"


async def test_applied_repairs_are_in_a_header() -> None:
    assert "gateway-repairs" not in (await call_endpoint(asgi_request()))[1]
    repaired = PATIENT.replace(applied_repairs=("link-base-url", "last-updated-offset"))
    assert (await call_endpoint(asgi_request(), repaired))[1][
        "gateway-repairs"
    ] == "link-base-url, last-updated-offset"


async def test_head_has_the_length_of_get_and_no_body() -> None:
    _, get_headers, _ = await call_endpoint(asgi_request())
    _, headers, body = await call_endpoint(asgi_request(method="HEAD"))
    assert (headers, body) == (get_headers, b"")


async def test_fhir_response_has_the_requested_media_type() -> None:
    _, headers, _ = await call_endpoint(asgi_request())
    assert headers["content-type"] == "application/fhir+json; charset=utf-8"
    json_request = fhir_request("Patient/1", response_format="application/json")
    _, headers, _ = await call_endpoint(asgi_request(), read_result=json_request)
    assert headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "response",
    [
        FhirResponse(200, (("content-type", "application/pdf"),), b"%PDF"),
        FhirResponse(204, ()),
        FhirResponse(200, (), b"bare"),
    ],
)
async def test_media_type_of_other_body_is_unchanged(response: FhirResponse) -> None:
    assert (await call_endpoint(asgi_request(), response))[1].get("content-type", "") == response.header(
        "content-type"
    )


@pytest.mark.parametrize(
    ("response_format", "disposition", "expected"),
    [
        ("text/html", "", "attachment"),
        ("text/*", "inline; filename=a.html", "attachment"),
        ("application/fhir+json", 'Attachment; filename="a.html"', 'Attachment; filename="a.html"'),
        ("image/png,application/json", "attachmentx", "attachment"),
    ],
)
async def test_content_that_an_upstream_sends_is_a_download(
    response_format: str, disposition: str, expected: str
) -> None:
    fields = (("content-type", "text/html; x=json"), ("content-disposition", disposition))
    response = FhirResponse(200, fields if disposition else fields[:1], b"<script>")
    for path in ("Binary/1", "Binary/1/_history/2"):
        request = fhir_request(path, response_format=response_format)
        status, headers, body = await call_endpoint(asgi_request(), response, request)
        assert (status, headers["content-type"], body) == (200, "text/html; x=json", b"<script>")
        assert (headers["content-disposition"], headers["x-content-type-options"]) == (expected, "nosniff")


@pytest.mark.parametrize("content_type", ["text/html", "text/html; x=json", ""])
async def test_content_that_no_range_includes_is_406(content_type: str) -> None:
    request = fhir_request("Binary/1", response_format="image/png")
    response = FhirResponse(200, (("content-type", content_type),), b"<script>")
    status, headers, body = await call_endpoint(asgi_request(), response, request)
    assert (status, headers["content-type"]) == (406, "application/fhir+json; charset=utf-8")
    assert b"Accept: */*" in body


async def test_converted_content_has_one_disposition() -> None:
    resource = {"resourceType": "Binary", "contentType": "text/plain", "data": "SGk="}
    response = json_response(resource, content_disposition="inline")
    request = fhir_request("Binary/1", response_format="text/plain")
    _, headers, body = await call_endpoint(asgi_request(), response, request)
    assert (headers["content-disposition"], body) == ("attachment", b"Hi")


async def test_media_type_of_passthrough_response_is_unchanged() -> None:
    passthrough = fhir_request("Patient/1", site=None)
    assert (await call_endpoint(asgi_request(), read_result=passthrough))[1][
        "content-type"
    ] == "application/json"


async def test_rejected_request_gets_an_outcome_with_request_id() -> None:
    failure = Failure(catalog.METHOD_NOT_ALLOWED, headers=(("allow", "GET"),))
    status, headers, body = await call_endpoint(
        asgi_request(headers={"x-request-id": "trace-7"}), read_result=failure
    )
    assert status == 405
    assert b'"OperationOutcome"' in body
    assert (headers["allow"], headers["x-request-id"]) == ("GET", "trace-7")
    assert headers["content-type"] == "application/fhir+json; charset=utf-8"


async def test_head_of_a_rejected_request_has_no_body() -> None:
    failure = Failure(catalog.CREDENTIALS_MISSING)
    assert (await call_endpoint(asgi_request(method="HEAD"), read_result=failure))[2] == b""


@pytest.mark.parametrize("value", ["Patient/1", "Pati\u00ebnt", "\u4e2d"])
async def test_any_header_value_can_be_sent(value: str) -> None:
    response = FhirResponse(201, (("location", value),), b"{}")
    assert "location" in (await call_endpoint(asgi_request(), response))[1]
