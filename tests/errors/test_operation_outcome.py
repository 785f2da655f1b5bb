import msgspec
import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.errors import catalog
from gateway.errors.failure import Failure, Issue
from gateway.errors.operation_outcome import (
    ERROR_CODE_SYSTEM,
    MESSAGE_CODE_SYSTEM,
    encode_resource,
    information_outcome,
    operation_outcome,
)


def test_outcome_contains_all_details_of_failure() -> None:
    failure = Failure(
        catalog.DATE_SYNTAX,
        diagnostics="request=1",
        expression="http.birthdate",
        issue="invalid",
        codings=(("http://x.example", "5003"),),
    )
    outcome = operation_outcome(failure)
    OperationOutcome.model_validate(outcome)
    (issue,) = outcome["issue"]
    assert (issue["severity"], issue["code"], issue["diagnostics"]) == ("error", "invalid", "request=1")
    assert issue["expression"] == ["http.birthdate"]
    assert issue["details"]["coding"] == [
        {"system": ERROR_CODE_SYSTEM, "code": "bad-date"},
        {"system": MESSAGE_CODE_SYSTEM, "code": "MSG_DATE_FORMAT"},
        {"system": "http://x.example", "code": "5003"},
    ]


def test_more_issues_follow_with_same_codings() -> None:
    more_issues = (
        Issue("value", "Patient.id is empty.", "Patient.id"),
        Issue("structure", "There are 2 more."),
    )
    outcome = operation_outcome(
        Failure(catalog.WRITE_INVALID, expression="Patient", diagnostics="d", more_issues=more_issues)
    )
    OperationOutcome.model_validate(outcome)
    first, second, third = outcome["issue"]
    assert (first["expression"], second["expression"]) == (["Patient"], ["Patient.id"])
    assert (second["code"], second["details"]["text"]) == ("value", "Patient.id is empty.")
    assert third.keys() == {"severity", "code", "details"}
    assert all(issue["details"]["coding"] == first["details"]["coding"] for issue in (second, third))


def test_outcome_omits_missing_details() -> None:
    (issue,) = operation_outcome(Failure(catalog.GATEWAY_OVERLOADED))["issue"]
    assert issue.keys() == {"severity", "code", "details"}
    assert len(issue["details"]["coding"]) == 1


@pytest.mark.parametrize("severity", ["information", "warning"])
def test_information_outcome_has_given_severity(severity: str) -> None:
    outcome = information_outcome("All is well.", severity=severity)
    OperationOutcome.model_validate(outcome)
    assert outcome["issue"][0]["severity"] == severity


def test_resource_is_encoded_as_utf8() -> None:
    assert msgspec.json.decode(encode_resource(information_outcome("Müller…"))) == information_outcome(
        "Müller…"
    )
