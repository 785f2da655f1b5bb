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


def test_a_failure_says_all_that_is_known_of_it() -> None:
    failure = Failure(
        catalog.DATE_SYNTAX,
        diagnostics="request=1",
        expression="http.birthdate",
        issue="invalid",
        codings=(("http://x.example", "5003"),),
    )
    found = operation_outcome(failure)
    OperationOutcome.model_validate(found)
    (issue,) = found["issue"]
    assert (issue["severity"], issue["code"], issue["diagnostics"]) == ("error", "invalid", "request=1")
    assert issue["expression"] == ["http.birthdate"]
    assert issue["details"]["coding"] == [
        {"system": ERROR_CODE_SYSTEM, "code": "bad-date"},
        {"system": MESSAGE_CODE_SYSTEM, "code": "MSG_DATE_FORMAT"},
        {"system": "http://x.example", "code": "5003"},
    ]


def test_further_issues_follow_with_the_same_codes() -> None:
    further = (Issue("value", "Patient.id is empty.", "Patient.id"), Issue("structure", "There are 2 more."))
    found = operation_outcome(
        Failure(catalog.WRITE_INVALID, expression="Patient", diagnostics="d", more_issues=further)
    )
    OperationOutcome.model_validate(found)
    first, second, third = found["issue"]
    assert (first["expression"], second["expression"]) == (["Patient"], ["Patient.id"])
    assert (second["code"], second["details"]["text"]) == ("value", "Patient.id is empty.")
    assert third.keys() == {"severity", "code", "details"}
    assert all(each["details"]["coding"] == first["details"]["coding"] for each in (second, third))


def test_what_is_not_known_is_left_out() -> None:
    (issue,) = operation_outcome(Failure(catalog.GATEWAY_OVERLOADED))["issue"]
    assert issue.keys() == {"severity", "code", "details"}
    assert len(issue["details"]["coding"]) == 1


@pytest.mark.parametrize("severity", ["information", "warning"])
def test_an_explanation_is_no_failure(severity: str) -> None:
    found = information_outcome("All is well.", severity=severity)
    OperationOutcome.model_validate(found)
    assert found["issue"][0]["severity"] == severity


def test_it_is_sent_as_utf8() -> None:
    assert msgspec.json.decode(encode_resource(information_outcome("Müller…"))) == information_outcome(
        "Müller…"
    )
