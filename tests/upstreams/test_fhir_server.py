"""The dialect of any FHIR server: statuses and OperationOutcomes decide."""

import pytest
from support.requests import NOW, fhir_request, json_response

from gateway.upstreams import DIALECTS, mountable_dialects, rule_sources


@pytest.mark.parametrize(("status", "expected"), [(400, 400), (404, 404), (422, 422), (500, 502), (503, 503)])
def test_error_has_the_kind_of_its_status(status: int, expected: int) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}
    failure = DIALECTS["fhir"].failure_from_response(
        fhir_request("Patient/1"), json_response(outcome, status), now=NOW
    )
    assert failure is not None
    assert failure.kind.status == expected


def test_operators_may_mount_it() -> None:
    assert "fhir" in mountable_dialects()
    assert all(rules for _, rules in rule_sources())
