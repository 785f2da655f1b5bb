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


def bundle(*entries: dict[str, object], own: str = "") -> Bundle:
    found = page(entries, own=own).with_parsed_bundle().bundle
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("own", "lost", "names"),
    [
        ("https://h/P?date=ge2026&date=lt2027&name=a", False, set()),
        ("https://h/P?date=ge2026&name=a", True, set()),
        ("https://h/P?date=ge2026&date=lt2027", False, {"name"}),
        ("https://h/P", True, {"name"}),
        ("https://h/P?token=opaque", False, set()),
        ("", False, set()),
    ],
)
def test_the_self_link_says_what_was_used(own: str, lost: bool, names: set[str]) -> None:
    shown = stated_search(START, SENT, bundle(own=own))
    assert lacks_values(SENT, {"date"}, shown) is lost
    assert ignored_criteria(SENT, {"date"}, shown) == names


def test_a_later_page_states_nothing() -> None:
    assert stated_search(Position(0, "/P?p=2"), SENT, bundle(own="https://h/P")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Argument not supported: date", True),
        ("Argument not supported: update-date", False),
        ("other", False),
    ],
)
def test_a_warning_that_names_the_parameter_counts(text: str, expected: bool) -> None:
    warning = {"resourceType": "OperationOutcome", "issue": [{"details": {"text": text}}]}
    assert (
        has_ignored_warning({"date"}, bundle({"resource": warning, "search": {"mode": "outcome"}}))
        is expected
    )


@pytest.mark.parametrize(
    ("start", "expected"),
    [("2026-04-05T10:00:00+10:00", False), ("2027-01-01T00:00:00Z", True), (None, False)],
)
def test_a_match_that_shows_an_excluded_value_disproves_the_upstream(
    start: str | None, expected: bool
) -> None:
    request = rewrite_dates(fhir_request("Appointment", "date=2026-04"))
    shown = {} if start is None else {"start": start}
    assert contradicts_criteria(request, bundle(entry("1", type="Appointment", **shown))) is expected


def test_elements_and_summary_may_hide_the_date() -> None:
    assert may_hide_elements(parse_search("_elements=id"))
    assert not may_hide_elements(SENT)
