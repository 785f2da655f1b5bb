from typing import Any

import pytest
from dialects.upstreams import failed, failed_by_own_key, failure, gorilla

from gateway.core.failure import Kind
from gateway.dialects import health_gorilla, kinds

_VERSION = "Insufficient access rights to perform the operation"
_LICENCE = "Tenant has no license to execute this method."

#: (row, status, body, kind)
CATALOGUE: list[tuple[str, int, Any, Kind]] = [
    ("hg-400-empty", 400, b" ", health_gorilla.URL_MALFORMED),
    ("hg-400-async", 400, gorilla("Executed in asynchronous mode only..."), health_gorilla.ASYNC_ONLY),
    ("hg-400-subject", 400, gorilla("Subject validation failed"), health_gorilla.SUBJECT_UNKNOWN),
    ("hg-400-invalid", 400, gorilla("Invalid request: [[wrong]]"), kinds.PARAMETER_INVALID),
    ("hg-401", 401, gorilla("Invalid Token"), kinds.CREDENTIALS),
    ("hg-403-version", 403, gorilla(_VERSION), kinds.MISCONFIGURED),
    ("hg-403-license", 403, gorilla(_LICENCE), health_gorilla.NOT_LICENSED),
    ("hg-403-other", 403, gorilla("No write access", "forbidden"), kinds.FORBIDDEN),
    ("hg-404", 404, gorilla("Not found", "not-found"), kinds.NOT_FOUND),
    ("hg-404-www", 404, b"rejected_www-request", kinds.MISCONFIGURED),
    ("hg-405", 405, gorilla("method not allowed"), kinds.METHOD),
    ("hg-415", 415, b"", health_gorilla.MEDIA_TYPE),
    ("hg-422-generic", 422, gorilla("The field is required", "required"), health_gorilla.RULE),
    ("hg-422-id2", 422, gorilla("Record with supplied ID2 already exists"), health_gorilla.DUPLICATE),
    ("hg-422-empty-att", 422, gorilla("Empty content attachment"), health_gorilla.ATTACHMENT_EMPTY),
    ("hg-422-dup", 422, gorilla("Record duplicates the existing one."), health_gorilla.DUPLICATE),
    ("hg-422-dup", 409, gorilla("Failed to create duplicate"), health_gorilla.DUPLICATE),
    ("hg-422-performer", 422, gorilla("Performer is unknown"), health_gorilla.PERFORMER_UNKNOWN),
    ("hg-422-authorizedby", 422, gorilla("AuthorizedBy is unknown or"), health_gorilla.AUTHORISED_BY),
    ("hg-429", 429, gorilla("Too many requests"), kinds.RATE_LIMITED),
    ("hg-454", 454, b"", health_gorilla.LINK_EXPIRED),
    ("hg-500", 500, gorilla("Broken"), kinds.FAILED),
    ("hg-504", 504, b"", kinds.TIMEOUT),
]


@pytest.mark.parametrize(("row", "status", "body", "kind"), CATALOGUE)
def test_every_entry_of_the_catalogue_has_its_kind(row: str, status: int, body: Any, kind: Kind) -> None:
    assert failed("health-gorilla", status, body).kind == kind


def test_every_row_is_tried() -> None:
    assert {row.id for row in health_gorilla.ROWS} <= {row for row, *_ in CATALOGUE}


def test_what_its_token_lacks_is_the_gateways_fault_when_the_client_sent_none() -> None:
    for status, text in ((400, "Subject validation failed"), (401, "Invalid Token")):
        found = failed_by_own_key("health-gorilla", status, gorilla(text))
        assert found.kind is kinds.OWN_CREDENTIALS


def test_the_element_at_fault_is_relayed() -> None:
    body = gorilla("The field is required", "required")
    body["issue"][0]["location"] = ["AllergyIntolerance.patient"]
    found = failed("health-gorilla", 422, body)
    assert (found.issue, found.expression) == ("required", "AllergyIntolerance.patient")


def test_throttling_headers_reach_the_client() -> None:
    found = failed("health-gorilla", 429, b"", ("x-ratelimit-limit", "10"), ("retry-after", "7"))
    assert (found.retry_after, dict(found.headers)) == (7, {"x-ratelimit-limit": "10"})


def test_an_asynchronous_result_may_be_any_resource() -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset"}
    assert failure("health-gorilla", 200, bundle, line="GET RequestResult/abc") is None
    assert failure("health-gorilla", 202, b"", line="GET RequestResult/abc") is None
    waiting = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "transient"}],
    }
    assert failure("health-gorilla", 202, waiting, line="GET RequestResult/abc") is None
