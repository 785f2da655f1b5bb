from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import GUID, SITE, fhir_request, json_response

from gateway.cache.freshness import requested_types, returned_types
from gateway.cache.patient_tags import (
    ANY_PATIENT,
    patients_in_request,
    purge_tags,
    request_patient_tags,
    response_patient_tags,
)
from gateway.exchange import FhirResponse

SECRET = b"synthetic"
ONE = {"resourceType": "Patient", "id": "1"}
TEMPERATURE = {"resourceType": "Observation", "id": "9", "subject": {"reference": "Patient/1"}}
PENICILLIN = {"resourceType": "AllergyIntolerance", "patient": {"reference": "https://a.example/Patient/1"}}


def counters(patient: str) -> set[str]:
    """The counters that a purge of a patient raises."""
    return set(purge_tags(GUID, "", patient, SECRET))


def relied_on(path: str, query: str, *resources: dict[str, Any]) -> frozenset[str]:
    """The counters of patients that an answer with these resources depends on."""
    request = fhir_request(path, query)
    entries = [{"resource": each} for each in resources]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    answer = json_response(bundle if request.interaction.is_search else resources[0])
    about = requested_types(request)
    return request_patient_tags(request, about, SECRET) | response_patient_tags(
        request, answer, about | returned_types(answer.body)
    )


@pytest.mark.parametrize(
    ("path", "query", "ids"),
    [
        ("Patient/1", "", {"1"}),
        ("Patient/1/_history/2", "", {"1"}),
        ("Patient", "_id=1", {"1"}),
        ("Patient", "_id=1,2", {"1", "2"}),
        ("Observation", "patient=1", {"1"}),
        ("Observation", "patient=Patient/1&code=x", {"1"}),
        ("Observation", "patient:Patient=1", {"1"}),
        ("Observation", "subject=Patient/1", {"1"}),
        ("Observation", "subject:Patient=1", {"1"}),
        ("Observation", "subject=https://a.example/fhir/R4/Patient/1", {"1"}),
        ("Observation", "patient=1&patient=2", {"1", "2"}),
        ("Observation", "subject=1", set()),
        ("Observation", "subject=Patient/1,Group/2", set()),
        ("Observation", "patient=1,", set()),
        ("Observation", "patient:identifier=1", set()),
        ("Observation", "patient.name=1", set()),
        ("Observation", "_id=1", set()),
        ("Observation/1", "", set()),
        ("Patient", "name=1", set()),
        ("Patient", "_id:not=1", set()),
    ],
)
def test_a_question_names_its_patients_or_none(path: str, query: str, ids: set[str]) -> None:
    assert patients_in_request(fhir_request(path, query)) == ids


@pytest.mark.parametrize(
    ("path", "query", "resources"),
    [
        ("Patient/1", "", [ONE]),
        ("Patient", "_id=1&_revinclude=Observation:subject", [ONE, TEMPERATURE]),
        ("Observation", "patient=1", [TEMPERATURE]),
        ("Observation", "patient=1", []),
        ("AllergyIntolerance", "patient=1", [PENICILLIN, {"resourceType": "OperationOutcome"}]),
        ("Observation", "patient=1&_include=*", [TEMPERATURE, {"resourceType": "Practitioner", "id": "5"}]),
    ],
)
def test_what_is_provably_about_one_patient_depends_on_that_one_alone(
    path: str, query: str, resources: list[dict[str, Any]]
) -> None:
    found = relied_on(path, query, *resources)
    assert found == counters("1") - {ANY_PATIENT}
    assert found.isdisjoint(counters("2"))


@pytest.mark.parametrize(
    ("path", "query", "resources"),
    [
        ("Observation", "date=2026-07-01", [TEMPERATURE]),
        ("Observation/9", "", [TEMPERATURE]),
        ("Appointment", "date=2026-07-01", []),
        ("Practitioner", "_revinclude=Appointment:actor", []),
        ("Practitioner", "_id=5", [TEMPERATURE]),
        ("Patient", "_id=1", [ONE, {"resourceType": "Patient", "id": "2"}]),
        ("Patient", "_id=1", [ONE | {"link": [{"other": {"reference": "Patient/2"}}]}]),
        ("Observation", "patient=1", [TEMPERATURE | {"performer": [{"reference": "Patient/2"}]}]),
        ("Observation", "patient=1", [TEMPERATURE | {"contained": []}]),
        ("Observation", "patient=1", [TEMPERATURE | {"subject": {"display": "somebody"}}]),
        ("Observation", "patient=1", [TEMPERATURE | {"subject": "Patient/1"}]),
        ("Observation", "patient=1", [{"resourceType": "Observation", "id": "9"}]),
        ("Appointment", "patient=1", [{"resourceType": "Appointment", "participant": []}]),
    ],
)
def test_what_may_be_about_anybody_depends_on_every_patients_purge(
    path: str, query: str, resources: list[dict[str, Any]]
) -> None:
    found = relied_on(path, query, *resources)
    assert ANY_PATIENT in found
    assert found & counters("1")
    assert found & counters("77")


@pytest.mark.parametrize("path", ["Practitioner", "Location/1", "HealthcareService", "metadata"])
def test_the_directory_depends_on_no_patient(path: str) -> None:
    type_ = path.partition("/")[0].replace("metadata", "CapabilityStatement")
    assert relied_on(path, "", {"resourceType": type_, "id": "1"}) == frozenset()


def test_an_escaped_slash_hides_no_patient() -> None:
    body = b'{"resourceType":"Patient","id":"1","link":[{"other":{"reference":"Patient\\/2"}}]}'
    assert ANY_PATIENT in response_patient_tags(
        fhir_request("Patient/1"), FhirResponse(200, body=body), {"Patient"}
    )


def test_what_cannot_be_read_is_taken_for_anybodys() -> None:
    assert ANY_PATIENT in response_patient_tags(
        fhir_request("Patient/1"), FhirResponse(200, body=b"{"), {"Patient"}
    )


def test_a_purge_is_of_a_patient_or_a_type_or_the_site() -> None:
    assert purge_tags(GUID, "", "", SECRET) == ("*",)
    assert purge_tags(GUID, "Slot", "", SECRET) == ("Slot",)
    assert set(purge_tags(GUID, "Slot", "1", SECRET)) == counters("1")


@given(st.from_regex(r"[A-Za-z0-9\-.]{6,64}", fullmatch=True))
def test_no_counter_shows_a_patient_and_each_site_has_its_own(patient: str) -> None:
    own, other = purge_tags(GUID, "", patient, SECRET)[0], purge_tags(SITE.guid[::-1], "", patient, SECRET)[0]
    assert patient not in own
    assert own != other
    assert own != purge_tags(GUID, "", patient, b"another")[0]
