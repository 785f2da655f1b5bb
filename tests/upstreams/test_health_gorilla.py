"""Error rules of Health Gorilla."""

from typing import Any

import pytest
from support.dialects import SEARCH, failure, failure_of_own_key, gorilla, require_failure
from support.upstream_catalogue import HEALTH_GORILLA

from gateway.errors.failure import FailureKind
from gateway.upstreams import failures, health_gorilla
from gateway.upstreams.kinds_by_interaction import kind_for


@pytest.mark.parametrize(("rule", "status", "body", "kind"), HEALTH_GORILLA)
def test_catalogue_entry_has_its_kind(rule: str, status: int, body: Any, kind: FailureKind) -> None:
    assert require_failure("health-gorilla", status, body).kind == kind_for(kind, SEARCH)


def test_every_rule_is_in_the_catalogue() -> None:
    assert {rule.id for rule in health_gorilla.RULES} <= {rule for rule, *_ in HEALTH_GORILLA}


def test_refused_token_of_the_gateway_is_a_502() -> None:
    for status, text in ((400, "Subject validation failed"), (401, "Invalid Token")):
        result = failure_of_own_key("health-gorilla", status, gorilla(text))
        assert result.kind is failures.GATEWAY_CREDENTIALS_INVALID


def test_issue_type_and_element_of_error_are_relayed() -> None:
    body = gorilla("The field is required", "required")
    body["issue"][0]["location"] = ["AllergyIntolerance.patient"]
    result = require_failure("health-gorilla", 422, body)
    assert (result.issue, result.expression) == ("required", "AllergyIntolerance.patient")


def test_rate_limit_headers_are_relayed() -> None:
    result = require_failure("health-gorilla", 429, b"", ("x-ratelimit-limit", "10"), ("retry-after", "7"))
    assert (result.retry_after, dict(result.headers)) == (7, {"x-ratelimit-limit": "10"})


def test_asynchronous_result_may_be_any_resource() -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset"}
    assert failure("health-gorilla", 200, bundle, line="GET RequestResult/abc") is None
    assert failure("health-gorilla", 202, b"", line="GET RequestResult/abc") is None
    in_progress = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "transient"}],
    }
    assert failure("health-gorilla", 202, in_progress, line="GET RequestResult/abc") is None
