import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import fhir_request, json_response

from gateway.cache.freshness import (
    ANY_TYPE,
    Freshness,
    can_signal_staleness,
    excessive_lifetimes,
    is_cacheable,
    requested_types,
    returned_types,
    written_types,
)
from gateway.cache.lifetimes import lifetime_of_type
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.repairs.search_date_format import rewrite_dates

TYPES = st.sampled_from(sorted(RESOURCE_TYPES))


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("metadata", "", {"CapabilityStatement"}),
        ("Patient/1", "", {"Patient"}),
        ("Patient", "name=a.b", {"Patient"}),
        ("Appointment", "_include=Appointment:patient:Patient", {"Appointment", "Patient"}),
        ("Patient", "_revinclude:iterate=Observation:subject", {"Patient", "Observation"}),
        ("Observation", "patient.birthdate=1980", {"Observation", "Patient"}),
        ("Observation", "subject:Patient.name=a", {"Observation", "Patient"}),
        ("Observation", "subject.name=a", {"Observation", "Patient", "Group", "Device", "Location"}),
        ("Slot", "schedule.actor:Practitioner.name=a", {"Slot", "Schedule", "Practitioner"}),
        ("Patient", "general-practitioner.name=a", {"Patient", "Practitioner"}),
        ("Observation", "performer.name=a", {"Observation", ANY_TYPE}),
        (
            "Patient",
            "_has:Observation:patient:_has:AuditEvent:entity:agent=1",
            {"Patient", "Observation", "AuditEvent"},
        ),
        ("Patient", "_filter=name eq a", {"Patient", ANY_TYPE}),
    ],
)
def test_what_a_question_is_about(path: str, query: str, expected: set[str]) -> None:
    assert requested_types(rewrite_dates(fhir_request(path, query))) == expected


@pytest.mark.parametrize(
    ("path", "query", "kept"),
    [
        ("metadata", "", True),
        ("Patient/1", "", True),
        ("Patient/1/_history/1", "", True),
        ("Patient", "birthdate=1980", True),
        ("Patient/1/_history", "", False),
        ("Slot/$find-free", "", False),
        ("Patient/1/$summary", "", False),
        ("Patient", "birthdate=ap1980-01-01", False),
        ("Patient", "_lastUpdated=ge2026-07-01", False),
        ("Patient", "birthdate=gt2020&birthdate=lt2019", False),
    ],
)
def test_what_may_be_kept_at_all(path: str, query: str, *, kept: bool) -> None:
    assert is_cacheable(rewrite_dates(fhir_request(path, query))) is kept
    if "ap" in query:
        assert not is_cacheable(fhir_request(path, query))


@given(st.frozensets(TYPES, min_size=1, max_size=5), TYPES)
def test_a_search_lives_no_longer_than_the_shortest_lived_of_its_types(
    found: frozenset[str], more: str
) -> None:
    freshness = Freshness()
    assert freshness.lifetime(found) == min(freshness.lifetime({each}) for each in found)
    assert freshness.lifetime(found | {more}) <= freshness.lifetime(found)


@given(TYPES, st.integers(0, 10**6))
def test_no_setting_is_over_the_tables_bounds(type_: str, seconds: int) -> None:
    said = {type_: seconds}
    freshness = Freshness(lifetimes=said, stale_if_error=said, stale_while_revalidate=said)
    assert freshness.lifetime({type_}) <= lifetime_of_type(type_).max_seconds
    assert freshness.stale_if_error_seconds({type_}) <= lifetime_of_type(type_).max_stale_seconds
    assert freshness.stale_while_revalidate_seconds({type_}) <= lifetime_of_type(type_).max_stale_seconds
    assert bool(excessive_lifetimes(said)) is (seconds > lifetime_of_type(type_).max_seconds)
    assert bool(excessive_lifetimes(said, stale=True)) is (
        seconds > lifetime_of_type(type_).max_stale_seconds
    )


@pytest.mark.parametrize(
    ("freshness", "found", "seconds"),
    [
        (Freshness("off"), {"Patient"}, 0),
        (Freshness("off", lifetimes={"Patient": 60}), {"Patient"}, 0),
        (Freshness("cautious"), {"Patient"}, 15),
        (Freshness("cautious"), {"Appointment"}, 0),
        (Freshness("balanced"), {"Patient", "Slot"}, 5),
        (Freshness("balanced"), {ANY_TYPE}, 5),
        (Freshness("cautious"), {ANY_TYPE}, 0),
        (Freshness(lifetimes={"*": 10}), {"Patient"}, 10),
        (Freshness(lifetimes={"*": 10, "Patient": 20}), {"Patient"}, 20),
        (Freshness(), set(), 0),
    ],
)
def test_lifetimes_of_profiles_and_sites(freshness: Freshness, found: set[str], seconds: int) -> None:
    assert freshness.lifetime(found) == seconds


@pytest.mark.parametrize(
    "type_",
    ["MedicationRequest", "AllergyIntolerance", "Observation", "DiagnosticReport", "Appointment", "Slot"],
)
def test_what_a_decision_rests_on_is_never_stale_unless_named(type_: str) -> None:
    assert Freshness(stale_if_error={"*": 60}).stale_if_error_seconds({type_}) == 0
    assert Freshness(stale_if_error={"*": 60}).stale_if_error_seconds({"Patient", type_}) == 0
    assert Freshness(stale_if_error={type_: 60}).stale_if_error_seconds({type_}) == 60
    assert Freshness().stale_if_error_seconds({"Patient"}) == 0


def test_the_types_of_an_answer_are_all_in_it_contained_ones_too() -> None:
    medication = {"resourceType": "Medication"}
    entries = [{"resource": {"resourceType": "MedicationRequest", "contained": [medication]}}]
    body = json_response({"resourceType": "Bundle", "entry": entries}).body
    assert returned_types(body) == {"MedicationRequest", "Medication"}
    assert returned_types(b'{"resourceType" : "Bundle"}') == frozenset()


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "Observation", ("Observation",)),
        ("POST", "Appointment", ("Appointment", "Slot", "Schedule")),
        ("POST", "", (ANY_TYPE,)),
        ("POST", "$process", (ANY_TYPE,)),
        ("POST", "Patient/$merge", ("Patient", "Appointment", "Coverage", "RelatedPerson")),
    ],
)
def test_what_a_write_makes_stale(method: str, path: str, expected: tuple[str, ...]) -> None:
    assert written_types(fhir_request(path, method=method)) == expected


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("AllergyIntolerance", True),
        ("AllergyIntolerance/1", False),
        ("Observation/1", False),
        ("Basic/1", False),
        ("Patient/1", True),
        ("Organization/1", True),
        ("metadata", True),
    ],
)
def test_what_decides_a_treatment_is_old_only_where_it_can_say_so(path: str, *, says: bool) -> None:
    assert can_signal_staleness(fhir_request(path)) is says
