import pytest
from search.test_merge import entry, page
from support.requests import fhir_request

from gateway.exchange import START, Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import search
from gateway.repairs.search_date_format import exact
from gateway.search.ignored_criteria import disproved, hides, ignored, lacks, stated, warned

SENT = search("date=ge2026&date=lt2027&name=a")


def bundle(*entries: dict[str, object], own: str = "") -> Bundle:
    found = page(entries, own=own).opened().bundle
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
    shown = stated(START, SENT, bundle(own=own))
    assert lacks(SENT, {"date"}, shown) is lost
    assert ignored(SENT, {"date"}, shown) == names


def test_a_later_page_states_nothing() -> None:
    assert stated(Position(0, "/P?p=2"), SENT, bundle(own="https://h/P")) is None


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
    assert warned({"date"}, bundle({"resource": warning, "search": {"mode": "outcome"}})) is expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [("2026-04-05T10:00:00+10:00", False), ("2027-01-01T00:00:00Z", True), (None, False)],
)
def test_a_match_that_shows_an_excluded_value_disproves_the_upstream(
    start: str | None, expected: bool
) -> None:
    request = exact(fhir_request("Appointment", "date=2026-04"))
    shown = {} if start is None else {"start": start}
    assert disproved(request, bundle(entry("1", type="Appointment", **shown))) is expected


def test_elements_and_summary_may_hide_the_date() -> None:
    assert hides(search("_elements=id"))
    assert not hides(SENT)
