"""Freshness rules: cacheable requests, lifetimes, and types that a write invalidates."""

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
    is_unstored_read,
    requested_types,
    returned_types,
    types_affected_by,
    written_types,
)
from gateway.cache.lifetimes import lifetime_of_type
from gateway.fhir.interaction import Interaction
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
        (
            "Patient",
            "general-practitioner.name=a",
            {"Patient", "Practitioner", "PractitionerRole", "Organization"},
        ),
        ("Observation", "performer.name=a", {"Observation", ANY_TYPE}),
        (
            "Patient",
            "_has:Observation:patient:_has:AuditEvent:entity:agent=1",
            {"Patient", "Observation", "AuditEvent"},
        ),
        ("Patient", "_filter=name eq a", {"Patient", ANY_TYPE}),
        ("Patient", "_revinclude=*", {"Patient", ANY_TYPE}),
        ("Patient", "_revinclude=*:patient", {"Patient", ANY_TYPE}),
        ("Patient", "_revinclude=Observation:*", {"Patient", "Observation"}),
        ("Appointment", "_include=*", {"Appointment", ANY_TYPE}),
        ("Appointment", "_include:iterate=*", {"Appointment", ANY_TYPE}),
        ("Appointment", "_include=Appointment:*", {"Appointment", ANY_TYPE}),
        ("Appointment", "_include=Appointment:actor:*", {"Appointment", ANY_TYPE}),
        ("Appointment", "_include=Appointment:actor", {"Appointment", ANY_TYPE}),
        ("Observation", "_include=Observation:specimen", {"Observation", "Specimen"}),
        (
            "Slot",
            "_include=Slot:schedule&_include:iterate=Schedule:actor:Practitioner",
            {"Slot", "Schedule", "Practitioner"},
        ),
        ("Patient", "_has:*:patient:code=1", {"Patient", ANY_TYPE}),
        (
            "Patient",
            "_has:Observation:patient:performer:Organization.name=a",
            {"Patient", "Observation", "Organization"},
        ),
        (
            "Appointment",
            "patient._has:AllergyIntolerance:patient:code=1",
            {"Appointment", "Patient", "AllergyIntolerance"},
        ),
        ("Patient", "organization:*.name=a", {"Patient", ANY_TYPE}),
        ("Patient", "_list=$current-allergies", {"Patient", "List"}),
        ("Medication", "_contained=both", {"Medication", ANY_TYPE}),
        ("Medication", "_contained=false", {"Medication"}),
    ],
)
def test_request_determines_its_types(path: str, query: str, expected: set[str]) -> None:
    assert requested_types(rewrite_dates(fhir_request(path, query))) == expected


def test_page_of_the_base_may_have_any_type() -> None:
    page = fhir_request("Patient", "_getpages=t").replace(path="", interaction=Interaction("search-type"))
    assert requested_types(page) == {ANY_TYPE}


@pytest.mark.parametrize(
    ("path", "query", "expected"),
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
def test_interaction_and_parameters_decide_cacheability(path: str, query: str, *, expected: bool) -> None:
    assert is_cacheable(rewrite_dates(fhir_request(path, query))) is expected
    if "ap" in query:
        assert not is_cacheable(fhir_request(path, query))


@given(st.frozensets(TYPES, min_size=1, max_size=5), TYPES)
def test_lifetime_of_types_is_shortest(types: frozenset[str], additional_type: str) -> None:
    freshness = Freshness()
    assert freshness.lifetime(types) == min(freshness.lifetime({type_}) for type_ in types)
    assert freshness.lifetime(types | {additional_type}) <= freshness.lifetime(types)


@given(TYPES, st.integers(0, 10**6))
def test_settings_cannot_exceed_limits_of_table(type_: str, seconds: int) -> None:
    setting = {type_: seconds}
    freshness = Freshness(lifetimes=setting, stale_if_error=setting, stale_while_revalidate=setting)
    assert freshness.lifetime({type_}) <= lifetime_of_type(type_).max_seconds
    assert freshness.stale_if_error_seconds({type_}) <= lifetime_of_type(type_).max_stale_seconds
    assert freshness.stale_while_revalidate_seconds({type_}) <= lifetime_of_type(type_).max_stale_seconds
    assert bool(excessive_lifetimes(setting)) is (seconds > lifetime_of_type(type_).max_seconds)
    assert bool(excessive_lifetimes(setting, stale=True)) is (
        seconds > lifetime_of_type(type_).max_stale_seconds
    )


@pytest.mark.parametrize(
    ("freshness", "types", "seconds"),
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
        (Freshness(lifetimes={"ServiceRequest": 1}), {ANY_TYPE}, 1),
        (Freshness(lifetimes={"*": 2}), {ANY_TYPE}, 2),
        (Freshness(), set(), 0),
    ],
)
def test_profile_and_settings_give_lifetime(freshness: Freshness, types: set[str], seconds: int) -> None:
    assert freshness.lifetime(types) == seconds


@pytest.mark.parametrize(
    "type_",
    ["MedicationRequest", "AllergyIntolerance", "Observation", "DiagnosticReport", "Appointment", "Slot"],
)
def test_clinical_type_is_stale_only_by_name(type_: str) -> None:
    assert Freshness(stale_if_error={"*": 60}).stale_if_error_seconds({type_}) == 0
    assert Freshness(stale_if_error={"*": 60}).stale_if_error_seconds({"Patient", type_}) == 0
    assert Freshness(stale_if_error={type_: 60}).stale_if_error_seconds({type_}) == 60
    assert Freshness().stale_if_error_seconds({"Patient"}) == 0


def test_response_of_any_type_is_stale_only_if_each_is() -> None:
    assert Freshness(stale_if_error={"*": 60}).stale_if_error_seconds({ANY_TYPE}) == 0
    assert Freshness(stale_while_revalidate={"*": 60}).stale_while_revalidate_seconds({ANY_TYPE}) == 0


def test_returned_types_include_contained_resources() -> None:
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
        ("POST", "Patient/$merge", (ANY_TYPE,)),
        ("POST", "Slot/$find-free", ("Slot", "Appointment", "Schedule")),
    ],
)
def test_write_invalidates_its_type_and_affected_types(
    method: str, path: str, expected: tuple[str, ...]
) -> None:
    assert written_types(fhir_request(path, method=method)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
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
def test_single_clinical_resource_cannot_signal_staleness(path: str, *, expected: bool) -> None:
    assert can_signal_staleness(fhir_request(path)) is expected


def test_booking_takes_a_slot_of_a_schedule() -> None:
    assert types_affected_by("Appointment") == ("Appointment", "Slot", "Schedule")
    assert types_affected_by("Observation") == ("Observation",)


@pytest.mark.parametrize(
    ("path", "method", "prefer", "expected"),
    [
        ("Patient/1", "GET", "", False),
        ("Patient/1", "GET", "respond-async", True),
        ("Patient", "GET", 'handling=strict, respond-async; x="y"', True),
        ("Binary/1", "GET", "", True),
        ("Patient", "POST", "respond-async", False),
        ("Binary", "POST", "", False),
    ],
)
def test_documents_and_jobs_of_mounts_are_not_stored(
    path: str, method: str, prefer: str, expected: bool
) -> None:
    request = fhir_request(path, method=method, headers=(("prefer", prefer),))
    assert is_unstored_read(request) is expected
