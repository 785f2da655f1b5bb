"""OperationOutcomes as upstream errors."""

from typing import Any

import pytest

from gateway.upstreams.error_body import is_failure_outcome, parse_operation_outcome


def _issue(severity: str, **parts: Any) -> dict[str, Any]:
    return {"severity": severity, "code": "processing", **parts}


def test_most_severe_issue_comes_first() -> None:
    issues = [_issue("warning", diagnostics="w"), {**_issue("fatal", diagnostics="f"), "code": "value"}]
    error = parse_operation_outcome({"issue": issues})
    assert (error.issue, error.message) == ("value", "f; w")


def test_text_and_diagnostics_are_joined() -> None:
    error = parse_operation_outcome({"issue": [_issue("error", details={"text": "t"}, diagnostics="d")]})
    assert error.message == "t: d"


@pytest.mark.parametrize("junk", [None, 7, "x", [7], [{}], [{"details": []}], [{"details": {"coding": [1]}}]])
def test_invalid_issues_give_an_empty_error(junk: Any) -> None:
    error = parse_operation_outcome({"issue": junk})
    assert (error.message, error.codings, error.expression) == ("", (), "")


def test_only_element_paths_are_relayed() -> None:
    paths = ["Patient.name[0].family", "Patient.where(name='Zzyzx')", "http.birthdate", "Patient.zzyzx"]
    expressions = [
        parse_operation_outcome({"issue": [_issue("error", expression=[path])]}).expression for path in paths
    ]
    assert expressions == ["Patient.name[0].family", "", "http.birthdate", ""]


def test_only_codes_with_a_system_are_relayed() -> None:
    codings = [
        {"system": "http://x.example/codes", "code": "5003"},
        {"system": "Zz y", "code": "1"},
        {"code": "2"},
        {"system": "http://x.example/codes", "code": "zzyzx-smith"},
    ]
    error = parse_operation_outcome({"issue": [_issue("error", details={"coding": codings})]})
    assert error.codings == (("http://x.example/codes", "5003"),)


def test_outcome_of_warnings_is_no_failure() -> None:
    assert not is_failure_outcome({"issue": [_issue("warning"), _issue("information")]})
    assert is_failure_outcome({"issue": [_issue("warning"), _issue("error")]})
    assert is_failure_outcome({"issue": []})
    assert is_failure_outcome({})
