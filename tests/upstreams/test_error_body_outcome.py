from typing import Any

import pytest

from gateway.upstreams.error_body import is_failure_outcome, parse_operation_outcome


def _issue(severity: str, **parts: Any) -> dict[str, Any]:
    return {"severity": severity, "code": "processing", **parts}


def test_the_gravest_issue_comes_first() -> None:
    issues = [_issue("warning", diagnostics="w"), {**_issue("fatal", diagnostics="f"), "code": "value"}]
    found = parse_operation_outcome({"issue": issues})
    assert (found.issue, found.message) == ("value", "f; w")


def test_text_and_diagnostics_are_both_kept() -> None:
    found = parse_operation_outcome({"issue": [_issue("error", details={"text": "t"}, diagnostics="d")]})
    assert found.message == "t: d"


@pytest.mark.parametrize("junk", [None, 7, "x", [7], [{}], [{"details": []}], [{"details": {"coding": [1]}}]])
def test_junk_says_nothing(junk: Any) -> None:
    found = parse_operation_outcome({"issue": junk})
    assert (found.message, found.codings, found.expression) == ("", (), "")


def test_only_paths_of_elements_are_relayed() -> None:
    paths = ["Patient.name[0].family", "Patient.where(name='Zzyzx')", "http.birthdate"]
    found = [
        parse_operation_outcome({"issue": [_issue("error", expression=[path])]}).expression for path in paths
    ]
    assert found == ["Patient.name[0].family", "", "http.birthdate"]


def test_only_codes_of_systems_are_relayed() -> None:
    codings = [
        {"system": "http://x.example/codes", "code": "5003"},
        {"system": "Zz y", "code": "1"},
        {"code": "2"},
    ]
    found = parse_operation_outcome({"issue": [_issue("error", details={"coding": codings})]})
    assert found.codings == (("http://x.example/codes", "5003"),)


def test_warnings_are_no_failure() -> None:
    assert not is_failure_outcome({"issue": [_issue("warning"), _issue("information")]})
    assert is_failure_outcome({"issue": [_issue("warning"), _issue("error")]})
    assert is_failure_outcome({"issue": []})
    assert is_failure_outcome({})
