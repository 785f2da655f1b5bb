"""Detection of ignored criteria."""

import pytest
from search.test_merge import entry, page
from support.requests import fhir_request

from gateway.exchange import START, Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import parse_search
from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.ignored_criteria import (
    contradicts_criteria,
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
        ("https://h/P?token=opaque", False, set()),
        ("", False, set()),
    ],
)
def test_self_link_shows_ignored_criteria(self_url: str, date_lost: bool, ignored_names: set[str]) -> None:
    self_search = stated_search(START, SENT, bundle(self_url=self_url))
    assert lacks_values(SENT, {"date"}, self_search) is date_lost
    assert ignored_criteria(SENT, {"date"}, self_search) == ignored_names


def test_later_page_has_no_stated_search() -> None:
    assert stated_search(Position(0, "/P?p=2"), SENT, bundle(self_url="https://h/P")) is None


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


@pytest.mark.parametrize(
    ("start", "expected"),
    [("2026-04-05T10:00:00+10:00", False), ("2027-01-01T00:00:00Z", True), (None, False)],
)
def test_match_with_excluded_date_contradicts_criteria(start: str | None, expected: bool) -> None:
    request = rewrite_dates(fhir_request("Appointment", "date=2026-04"))
    elements = {} if start is None else {"start": start}
    assert contradicts_criteria(request, bundle(entry("1", type="Appointment", **elements))) is expected


def test_elements_parameter_may_hide_the_date() -> None:
    assert may_hide_elements(parse_search("_elements=id"))
    assert not may_hide_elements(SENT)
    assert not may_hide_elements(parse_search("_summary=count"))


def test_end_of_a_large_sorted_page_is_checked() -> None:
    request = rewrite_dates(fhir_request("Appointment", "date=lt2026-04&_sort=date"))
    starts = ["2026-03-05T10:00:00Z"] * 250 + ["2026-04-05T10:00:00Z"] * 3
    entries = [entry(str(number), type="Appointment", start=start) for number, start in enumerate(starts)]
    assert contradicts_criteria(request, bundle(*entries))
