"""Error handler and error responses."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from support.dialects import assert_valid
from support.requests import GUID, SITE, fhir_request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Site, UpstreamUse
from gateway.fhir.bundle import bundle_from_fields
from gateway.fhir.interaction import NOT_FHIR
from gateway.fhir.raw_json import UnreadableError, object_fields
from gateway.upstreams import failures
from gateway.web.errors import ErrorHandler, error_response, internal_error

pytestmark = pytest.mark.anyio

RECEIVED = FhirResponse(429, (("content-type", "text/plain"), ("retry-after", "7")), b"Slow down")


async def call_handler(request: FhirRequest, inner: Callable[[], FhirResponse]) -> FhirResponse:
    async def handler(_: FhirRequest) -> FhirResponse:
        return inner()

    return await ErrorHandler(handler)(request)


def raises(error: Exception) -> Callable[[], FhirResponse]:
    def inner() -> FhirResponse:
        raise error

    return inner


def code_of(response: FhirResponse) -> str:
    code: str = msgspec.json.decode(response.body)["issue"][0]["details"]["coding"][0]["code"]
    return code


async def test_good_response_has_an_encoded_body() -> None:
    body = b'{"resourceType":"Bundle"}'
    response = FhirResponse(200, bundle=bundle_from_fields(object_fields(body)))
    assert (await call_handler(fhir_request(), lambda: response)).body == body


async def test_failure_becomes_its_outcome() -> None:
    failure = Failure(catalog.GATEWAY_OVERLOADED, headers=(("x-ratelimit-limit", "5"),))
    response = await call_handler(fhir_request(), raises(failure))
    assert_valid(failure)
    assert (response.status, code_of(response), response.applied_repairs) == (503, "overloaded", ())
    headers = dict(response.headers)
    assert (headers["retry-after"], headers["cache-control"]) == ("5", "no-store")
    assert headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert headers["x-ratelimit-limit"] == "5"


async def test_unreadable_response_is_not_fhir() -> None:
    response = await call_handler(fhir_request(), raises(UnreadableError()))
    assert (response.status, code_of(response)) == (502, "upstream-not-fhir")


async def test_unreadable_response_to_write_has_unknown_outcome() -> None:
    response = await call_handler(fhir_request("Patient", method="POST"), raises(UnreadableError()))
    assert code_of(response) == "write-outcome-unknown"


async def test_bug_behind_a_write_leaves_its_outcome_open() -> None:
    request = fhir_request("Patient", method="POST")
    with capture_logs():
        response = await call_handler(request, raises(ZeroDivisionError()))
    issue = msgspec.json.decode(response.body)["issue"][0]
    codes = [coding["code"] for coding in issue["details"]["coding"]]
    assert (response.status, codes) == (504, ["write-outcome-unknown", "gateway-error"])
    assert issue["diagnostics"].startswith("reference=")
    assert response.header("retry-after") == ""


async def test_unexpected_exception_becomes_a_reference_number() -> None:
    with capture_logs() as lines:
        response = await call_handler(fhir_request(), raises(ZeroDivisionError("Zzyzx")))
    (line,) = [line for line in lines if line["log_level"] == "error"]
    diagnostics = msgspec.json.decode(response.body)["issue"][0]["diagnostics"]
    assert (response.status, diagnostics) == (500, f"reference={line['reference']}")
    assert line["exception"] == "ZeroDivisionError"
    assert __file__ in line["places"][-1]
    assert "Zzyzx" not in str(line)


def test_reference_numbers_are_unique() -> None:
    with capture_logs():
        assert internal_error(ValueError()).diagnostics != internal_error(ValueError()).diagnostics


REPAIR_OFF = Site(GUID, SITE.zone, disabled_repairs=frozenset({"error-envelope"}))


@pytest.mark.parametrize(
    ("parts", "unchanged"),
    [
        ({}, False),
        ({"site": REPAIR_OFF}, True),
        ({"site": None, "interaction": NOT_FHIR}, True),
        ({"site": None, "interaction": NOT_FHIR, "headers": (("accept", "application/FHIR+json"),)}, False),
        ({"site": None, "interaction": NOT_FHIR, "headers": (("accept", "application/json"),)}, True),
        (
            {"site": None, "interaction": NOT_FHIR, "headers": (("accept", "application/fhir+json;q=0"),)},
            True,
        ),
        ({"interaction": NOT_FHIR, "headers": (("accept", "application/fhir+json"),)}, False),
        ({"interaction": NOT_FHIR, "headers": (("accept", "application/fhir+xml"),)}, False),
    ],
)
def test_upstream_error_is_passed_through_or_repaired(parts: dict[str, Any], unchanged: bool) -> None:
    failure = Failure(catalog.GATEWAY_OVERLOADED, upstream_response=RECEIVED)
    response = error_response(failure, fhir_request(**parts))
    assert (response.body is RECEIVED.body) is unchanged
    assert response.failure_code == catalog.GATEWAY_OVERLOADED.code
    assert ("error-envelope" in response.applied_repairs) is not unchanged


MOUNTED = fhir_request(interaction=NOT_FHIR)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_mounted_clients_get_the_vendors_status_and_bytes(status: int) -> None:
    received = FhirResponse(status, (("content-type", "text/plain"),), b'{"a" : 1}')
    failure = Failure(
        failures.CREDENTIALS_INVALID,
        upstream_response=received,
        retry_after=9,
        headers=(("www-authenticate", "Bearer"), ("cache-status", "x")),
    ).with_upstream_use(UpstreamUse(1, 0.5))
    response = error_response(failure, MOUNTED)
    assert (response.status, response.body, response.upstream_use) == (status, b'{"a" : 1}', (1, 0.5, 0))
    assert response.failure_code == failures.CREDENTIALS_INVALID.code
    challenge = {"www-authenticate": "Bearer"} if status == 401 else {}
    own = {"cache-control": "no-store", "retry-after": "9", "cache-status": "x"}
    assert dict(response.headers) == {"content-type": "text/plain"} | own | challenge


def test_fields_of_the_vendor_stay_as_they_are() -> None:
    fields = (("www-authenticate", 'Bearer realm="own"'), ("retry-after", "7"))
    failure = Failure(
        failures.CREDENTIALS_INVALID,
        upstream_response=FhirResponse(401, fields),
        retry_after=9,
        headers=(("www-authenticate", "Bearer"),),
    )
    assert error_response(failure, MOUNTED).headers == (*fields, ("cache-control", "no-store"))


@pytest.mark.parametrize("status", [200, 206, 302, 304, 407, 511])
def test_statuses_that_are_no_errors_of_a_vendor_are_outcomes(status: int) -> None:
    failure = Failure(failures.UNRECOGNISED_RESPONSE, upstream_response=FhirResponse(status))
    assert code_of(error_response(failure, MOUNTED)) == "upstream-unrecognised"


def test_failure_of_the_gateway_is_always_an_outcome() -> None:
    for request in (fhir_request(site=None, interaction=NOT_FHIR), MOUNTED):
        assert code_of(error_response(Failure(catalog.UPSTREAM_TIMEOUT), request)) == "upstream-timeout"


def test_error_response_names_the_upstream_requests_behind_it() -> None:
    use = UpstreamUse(2, 1.5)
    assert error_response(Failure(catalog.UPSTREAM_TIMEOUT).with_upstream_use(use)).upstream_use == use


@pytest.mark.parametrize("received", [None, RECEIVED])
def test_error_response_names_the_repair_of_its_request(received: FhirResponse | None) -> None:
    failure = Failure(catalog.UPSTREAM_TIMEOUT, upstream_response=received).with_applied_repair("a")
    assert error_response(failure, fhir_request()).applied_repairs[-1:] == ("a",)
    passed = error_response(failure, fhir_request(site=None, interaction=NOT_FHIR))
    assert passed.applied_repairs == ("a",)
