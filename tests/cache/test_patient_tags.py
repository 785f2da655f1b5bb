"""Patient tags of requests and responses, and of purges."""

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
PATIENT = {"resourceType": "Patient", "id": "1"}
TEMPERATURE = {"resourceType": "Observation", "id": "9", "subject": {"reference": "Patient/1"}}
PENICILLIN = {"resourceType": "AllergyIntolerance", "patient": {"reference": "https://a.example/Patient/1"}}


def patient_purge_tags(patient: str) -> set[str]:
    return set(purge_tags(GUID, "", patient, SECRET))


def patient_tags(path: str, query: str, *resources: dict[str, Any]) -> frozenset[str]:
    """Patient tags of a request whose response has these resources."""
    request = fhir_request(path, query)
    entries = [{"resource": resource} for resource in resources]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    response = json_response(bundle if request.interaction.is_search else resources[0])
    types = requested_types(request)
    return request_patient_tags(request, types, SECRET) | response_patient_tags(
        request, response, types | returned_types(response.body)
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
def test_request_is_limited_to_its_patients(path: str, query: str, ids: set[str]) -> None:
    assert patients_in_request(fhir_request(path, query)) == ids


@pytest.mark.parametrize("separator", [",", "&patient="])
def test_request_for_many_patients_has_one_tag(separator: str) -> None:
    for count, has_own_tags in ((20, True), (21, False)):
        query = "patient=" + separator.join(map(str, range(count)))
        tags = patient_tags("Observation", query, {**TEMPERATURE, "subject": {"reference": "Patient/3"}})
        assert (patient_purge_tags("3") & tags, len(tags)) == (
            (patient_purge_tags("3") - {ANY_PATIENT}, count) if has_own_tags else ({ANY_PATIENT}, 1)
        )


@pytest.mark.parametrize(
    ("path", "query", "resources"),
    [
        ("Patient/1", "", [PATIENT]),
        ("Patient", "_id=1&_revinclude=Observation:subject", [PATIENT, TEMPERATURE]),
        ("Observation", "patient=1", [TEMPERATURE]),
        ("Observation", "patient=1", []),
        ("AllergyIntolerance", "patient=1", [PENICILLIN, {"resourceType": "OperationOutcome"}]),
        ("Observation", "patient=1&_include=*", [TEMPERATURE, {"resourceType": "Practitioner", "id": "5"}]),
    ],
)
def test_response_about_one_patient_has_only_its_tag(
    path: str, query: str, resources: list[dict[str, Any]]
) -> None:
    tags = patient_tags(path, query, *resources)
    assert tags == patient_purge_tags("1") - {ANY_PATIENT}
    assert tags.isdisjoint(patient_purge_tags("2"))


@pytest.mark.parametrize(
    ("path", "query", "resources"),
    [
        ("Observation", "date=2026-07-01", [TEMPERATURE]),
        ("Observation/9", "", [TEMPERATURE]),
        ("Appointment", "date=2026-07-01", []),
        ("Practitioner", "_revinclude=Appointment:actor", []),
        ("Practitioner", "_id=5", [TEMPERATURE]),
        ("Patient", "_id=1", [PATIENT, {"resourceType": "Patient", "id": "2"}]),
        ("Patient", "_id=1", [PATIENT | {"link": [{"other": {"reference": "Patient/2"}}]}]),
        ("Observation", "patient=1", [TEMPERATURE | {"performer": [{"reference": "Patient/2"}]}]),
        ("Observation", "patient=1", [TEMPERATURE | {"contained": []}]),
        ("Observation", "patient=1", [TEMPERATURE | {"subject": {"display": "somebody"}}]),
        ("Observation", "patient=1", [TEMPERATURE | {"subject": "Patient/1"}]),
        ("Observation", "patient=1", [{"resourceType": "Observation", "id": "9"}]),
        ("Appointment", "patient=1", [{"resourceType": "Appointment", "participant": []}]),
    ],
)
def test_response_about_undetermined_patients_is_purged_with_any(
    path: str, query: str, resources: list[dict[str, Any]]
) -> None:
    tags = patient_tags(path, query, *resources)
    assert ANY_PATIENT in tags
    assert tags & patient_purge_tags("1")
    assert tags & patient_purge_tags("77")


@pytest.mark.parametrize("path", ["Practitioner", "Location/1", "HealthcareService", "metadata"])
def test_directory_has_no_patient_tags(path: str) -> None:
    type_ = path.partition("/")[0].replace("metadata", "CapabilityStatement")
    assert patient_tags(path, "", {"resourceType": type_, "id": "1"}) == frozenset()


def test_patient_reference_with_escaped_slash_is_recognised() -> None:
    body = b'{"resourceType":"Patient","id":"1","link":[{"other":{"reference":"Patient\\/2"}}]}'
    assert ANY_PATIENT in response_patient_tags(
        fhir_request("Patient/1"), FhirResponse(200, body=body), {"Patient"}
    )


def test_unreadable_response_has_tag_of_any_patient() -> None:
    assert ANY_PATIENT in response_patient_tags(
        fhir_request("Patient/1"), FhirResponse(200, body=b"{"), {"Patient"}
    )


def test_purge_covers_patient_type_or_site() -> None:
    assert purge_tags(GUID, "", "", SECRET) == ("*",)
    assert purge_tags(GUID, "Slot", "", SECRET) == ("Slot",)
    assert set(purge_tags(GUID, "Slot", "1", SECRET)) == patient_purge_tags("1")


@given(st.from_regex(r"[A-Za-z0-9\-.]{6,64}", fullmatch=True))
def test_patient_tag_is_a_keyed_hash_per_site(patient: str) -> None:
    tag, *_ = purge_tags(GUID, "", patient, SECRET)
    assert patient not in tag
    assert tag != purge_tags(SITE.guid[::-1], "", patient, SECRET)[0]
    assert tag != purge_tags(GUID, "", patient, b"another")[0]
