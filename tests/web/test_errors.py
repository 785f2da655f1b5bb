import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from support.dialects import check
from support.requests import GUID, SITE, fhir_request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.fhir.bundle import bundle_from_fields
from gateway.fhir.interaction import NOT_FHIR
from gateway.fhir.raw_json import UnreadableError, object_fields
from gateway.web.errors import ErrorHandler, error_response, internal_error

RECEIVED = FhirResponse(429, (("content-type", "text/plain"), ("retry-after", "7")), b"Slow down")


def answered(request: FhirRequest, inner: Callable[[], FhirResponse]) -> FhirResponse:
    async def handler(_: FhirRequest) -> FhirResponse:
        return inner()

    return asyncio.run(ErrorHandler(handler)(request))


def failing(problem: Exception) -> Callable[[], FhirResponse]:
    def inner() -> FhirResponse:
        raise problem

    return inner


def code(response: FhirResponse) -> str:
    found: str = msgspec.json.decode(response.body)["issue"][0]["details"]["coding"][0]["code"]
    return found


def test_a_good_answer_leaves_as_bytes() -> None:
    body = b'{"resourceType":"Bundle"}'
    opened_bundle = FhirResponse(200, bundle=bundle_from_fields(object_fields(body)))
    assert answered(fhir_request(), lambda: opened_bundle).body == body


def test_a_failure_becomes_its_outcome() -> None:
    failure = Failure(catalog.GATEWAY_OVERLOADED, headers=(("x-ratelimit-limit", "5"),))
    response = answered(fhir_request(), failing(failure))
    check(failure)
    assert (response.status, code(response), response.applied_repairs) == (503, "overloaded", ())
    headers = dict(response.headers)
    assert (headers["retry-after"], headers["cache-control"]) == ("5", "no-store")
    assert headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert headers["x-ratelimit-limit"] == "5"


def test_an_answer_nobody_can_read_is_not_fhir() -> None:
    response = answered(fhir_request(), failing(UnreadableError()))
    assert (response.status, code(response)) == (502, "upstream-not-fhir")


def test_after_a_write_an_unreadable_answer_leaves_the_outcome_open() -> None:
    response = answered(fhir_request("Patient", method="POST"), failing(UnreadableError()))
    assert code(response) == "write-outcome-unknown"


def test_what_nobody_expected_is_a_reference_number_and_nothing_else() -> None:
    with capture_logs() as lines:
        response = answered(fhir_request(), failing(ZeroDivisionError("Zzyzx")))
    (line,) = [each for each in lines if each["log_level"] == "error"]
    diagnostics = msgspec.json.decode(response.body)["issue"][0]["diagnostics"]
    assert (response.status, diagnostics) == (500, f"reference={line['reference']}")
    assert line["exception"] == "ZeroDivisionError"
    assert __file__ in line["places"][-1]
    assert "Zzyzx" not in str(line)


def test_every_reference_is_another() -> None:
    with capture_logs():
        assert internal_error(ValueError()).diagnostics != internal_error(ValueError()).diagnostics


SWITCHED_OFF = Site(GUID, SITE.zone, disabled_repairs=frozenset({"error-envelope"}))


@pytest.mark.parametrize(
    ("parts", "unchanged"),
    [
        ({}, False),
        ({"site": SWITCHED_OFF}, True),
        ({"site": None, "interaction": NOT_FHIR}, True),
        ({"site": None, "interaction": NOT_FHIR, "headers": (("accept", "application/FHIR+json"),)}, False),
        ({"site": None, "interaction": NOT_FHIR, "headers": (("accept", "application/json"),)}, True),
        ({"interaction": NOT_FHIR}, False),
    ],
)
def test_whose_words_a_client_gets(parts: dict[str, Any], unchanged: bool) -> None:
    failure = Failure(catalog.GATEWAY_OVERLOADED, upstream_response=RECEIVED)
    response = error_response(failure, fhir_request(**parts))
    assert (response is RECEIVED) is unchanged
    assert ("error-envelope" in response.applied_repairs) is not unchanged


def test_our_own_failures_are_outcomes_for_everybody() -> None:
    request = fhir_request(site=None, interaction=NOT_FHIR)
    assert code(error_response(Failure(catalog.UPSTREAM_TIMEOUT), request)) == "upstream-timeout"
