"""Detection of ignored criteria."""

import pytest
from search.test_merge import page

from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import parse_search
from gateway.search.ignored_criteria import (
    has_ignored_warning,
    ignored_criteria,
    lacks_values,
    may_hide_elements,
    stated_search,
)

SENT = parse_search("date=ge2026&date=lt2027&name=a")


def bundle(*entries: dict[str, object], self_url: str = "") -> Bundle:
    parsed_bundle = page(entries, self_url=self_url).with_parsed_bundle().bundle
    assert parsed_bundle is not None
    return parsed_bundle


@pytest.mark.parametrize(
    ("self_url", "date_lost", "ignored_names"),
    [
        ("https://h/P?date=ge2026&date=lt2027&name=a", False, set()),
        ("https://h/P?date=ge2026&name=a", True, set()),
        ("https://h/P?date=ge2026&date=lt2027", False, {"name"}),
        ("https://h/P", False, set()),
        ("https://h/P?name=a&date=lt2027-01-01&date=ge2026-01-01T00%3A00%3A00%2B10:00", False, set()),
        ("https://h/P?date=2026&date=lt2027&name=a", True, set()),
        ("https://h/P?_format=json", False, set()),
        ("https://h/P?name=a&_count=50&_format=json", True, set()),
        ("https://h/P?name=b&date=lt2027-01-01&date=ge2026-01-01", False, set()),
        ("https://h/P?name=a&token=x", True, set()),
        ("https://h/P?token=opaque", False, set()),
        ("", False, set()),
    ],
)
def test_self_link_shows_ignored_criteria(self_url: str, date_lost: bool, ignored_names: set[str]) -> None:
    self_search = stated_search(SENT, bundle(self_url=self_url))
    assert lacks_values(SENT, {"date"}, self_search) is date_lost
    assert ignored_criteria(SENT, {"date"}, self_search) == ignored_names


@pytest.mark.parametrize(
    ("sent", "stated", "ignored_names"),
    [
        ("name=a&code=s|1", "code=s%7C1&name=A", set()),
        ("patient=Patient/1&code=x", "patient=1&code=x", set()),
        ("subject:Patient=1&code=x", "subject=https://h/fhir/Patient/1&code=x", set()),
        ("subject=Patient/1&code=x", "code=x&subject:Patient=Patient%2F1", set()),
        ("patient.name=a&code=x", "patient:Patient.name=a&code=x", set()),
        ("patient=1&code=x", "patient=2&code=x", {"patient"}),
        ("patient=1&code=x", "code=x", {"patient"}),
        ("name:exact=a&code=x", "name=a&code=x", {"name:exact"}),
        ("patient.name=a&code=x", "patient=1&code=x", {"patient.name"}),
        ("code=a,b", "code=b", {"code"}),
        ("code=a,b", "code=b,a", set()),
        ("code=a&code=b", "code=a", {"code"}),
        ("code=a&code=a", "code=a", set()),
        ("code=a&name=", "code=a", set()),
        ("code=a&_sort=date", "code=a", {"_sort"}),
        ("code=a&_include=Observation:subject&_elements=id&_summary=true&_total=none", "code=a", set()),
        ("code=a&_has:Provenance:target:agent=1", "code=a", {"_has:Provenance:target:agent"}),
        ("patient=1&_count=5", "_count=5", {"patient"}),
        ("patient=1&_count=5", "_count=5&token=x", set()),
        ("patient=1", "_count=50", set()),
    ],
)
def test_names_are_compared_with_chain_modifier_and_value(
    sent: str, stated: str, ignored_names: set[str]
) -> None:
    search = parse_search(sent)
    self_search = stated_search(search, bundle(self_url=f"https://h/Observation?{stated}"))
    assert ignored_criteria(search, set(), self_search, "Observation") == ignored_names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Argument not supported: date", True),
        ("Argument not supported: update-date", False),
        ("other", False),
    ],
)
def test_ignored_warning_must_name_the_parameter(text: str, expected: bool) -> None:
    warning = {"resourceType": "OperationOutcome", "issue": [{"details": {"text": text}}]}
    assert (
        has_ignored_warning({"date"}, bundle({"resource": warning, "search": {"mode": "outcome"}}))
        is expected
    )


def test_elements_parameter_may_hide_the_date() -> None:
    assert may_hide_elements(parse_search("_elements=id"))
    assert not may_hide_elements(SENT)
    assert not may_hide_elements(parse_search("_summary=count"))
