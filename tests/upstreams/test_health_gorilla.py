from typing import Any

import pytest
from support.dialects import failed, failed_by_own_key, failure, gorilla
from support.upstream_catalogue import HEALTH_GORILLA

from gateway.errors.failure import FailureKind
from gateway.upstreams import failures, health_gorilla


@pytest.mark.parametrize(("row", "status", "body", "kind"), HEALTH_GORILLA)
def test_every_entry_of_the_catalogue_has_its_kind(
    row: str, status: int, body: Any, kind: FailureKind
) -> None:
    assert failed("health-gorilla", status, body).kind == kind


def test_every_row_is_tried() -> None:
    assert {row.id for row in health_gorilla.RULES} <= {row for row, *_ in HEALTH_GORILLA}


def test_what_its_token_lacks_is_the_gateways_fault_when_the_client_sent_none() -> None:
    for status, text in ((400, "Subject validation failed"), (401, "Invalid Token")):
        found = failed_by_own_key("health-gorilla", status, gorilla(text))
        assert found.kind is failures.GATEWAY_CREDENTIALS_INVALID


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
