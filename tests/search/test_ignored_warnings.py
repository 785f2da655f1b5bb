"""Parameters that warnings name as ignored."""

from typing import Any

import pytest
from search.test_ignored_criteria import bundle

from gateway.fhir.search_params import parse_search
from gateway.search.ignored_warnings import warned_parameters

SENT = parse_search("colour=red&code=x&name:exact=a&_sort=date&_count=5")


def warned(**issue: Any) -> set[str]:
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    return set(warned_parameters(SENT, bundle({"resource": outcome, "search": {"mode": "outcome"}})))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Argument not supported: colour", {"colour"}),
        ("Argument not supported: colour, _sort", {"colour", "_sort"}),
        ("Unsupported parameter: colour (code 5003)", {"colour"}),
        ("Unknown search parameter 'colour'. Known are code, name.", {"colour"}),
        ("The parameter colour was ignored", {"colour"}),
        ("Modifier exact of parameter name:exact is not supported", {"name:exact"}),
        ("Argument not supported: _count", set()),
        ("Argument not supported: colours", set()),
        ("Argument not supported: eye-colour", set()),
        ("Records without a code are not shown", set()),
        ("Parameter code was slow", set()),
    ],
)
def test_warning_must_say_that_the_parameter_is_ignored(text: str, expected: set[str]) -> None:
    assert warned(severity="warning", code="processing", details={"text": text}) == expected
    assert warned(severity="warning", code="processing", diagnostics=text) == expected


def test_issue_may_name_the_parameter_by_its_place() -> None:
    assert warned(severity="warning", code="not-supported", expression=["http.colour"]) == {"colour"}
    assert warned(severity="warning", code="not-supported", location=["http.other"]) == set()


@pytest.mark.parametrize("issues", [None, 7, ["x"], [{"details": 7, "diagnostics": 7, "expression": 7}]])
def test_other_shapes_are_no_warning(issues: Any) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    assert warned_parameters(SENT, bundle({"resource": outcome, "search": {"mode": "outcome"}})) == set()
