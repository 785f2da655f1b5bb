"""Includes of a page about a patient."""

from typing import Any

import msgspec
import pytest
from support.requests import fhir_request

from gateway.upstreams.patient_check import names_other_patient


def resource(type_: str, id_: str = "1", **fields: Any) -> dict[str, Any]:
    return {"resourceType": type_, "id": id_, **fields}


def ref(name: str) -> dict[str, str]:
    return {"reference": name}


def is_wrong(line: str, match: dict[str, Any] | None, include: dict[str, Any]) -> bool:
    path, _, query = line.partition("?")
    entries = [{"resource": match, "search": {"mode": "match"}}] if match else []
    entries += [{"resource": include, "search": {"mode": "include"}}]
    body = msgspec.json.encode({"resourceType": "Bundle", "type": "searchset", "entry": entries})
    return names_other_patient(fhir_request(path, query), body)


OBSERVATION = resource("Observation", subject=ref("Patient/1"), performer=[ref("Patient/3")])
ALLERGIES = "Patient?_id=1&_revinclude=AllergyIntolerance:patient"


@pytest.mark.parametrize(
    ("line", "match", "include", "expected"),
    [
        (ALLERGIES, resource("Patient"), resource("AllergyIntolerance", patient=ref("Patient/1")), False),
        (ALLERGIES, resource("Patient"), resource("AllergyIntolerance", patient=ref("Patient/2")), True),
        (ALLERGIES, None, resource("AllergyIntolerance", patient=ref("Patient/2")), True),
        (ALLERGIES, resource("Patient"), resource("AllergyIntolerance", patient={"display": "B"}), False),
        ("Observation?patient=1&_include=*", OBSERVATION, resource("Patient"), False),
        ("Observation?patient=1&_include=*", OBSERVATION, resource("Patient", "3"), False),
        ("Observation?patient=1&_include=*", OBSERVATION, resource("Patient", "2"), True),
        ("Observation?patient=1&_include=*", OBSERVATION, resource("Practitioner", "2"), False),
        ("Observation?patient=1&_include:iterate=*", OBSERVATION, resource("Patient", "2"), False),
        ("Observation?code=x&_include=*", OBSERVATION, resource("Patient", "2"), False),
        ("Observation?_id=1&_include=*", OBSERVATION, resource("Patient", "2"), False),
        (
            "Location?_id=1&_revinclude=Encounter:location",
            resource("Location"),
            resource("Encounter", subject=ref("Patient/2")),
            False,
        ),
        ("Patient?_id=1&_revinclude=Patient:link", resource("Patient"), resource("Patient", "2"), True),
        (
            "Patient?_id=1&_revinclude=Patient:link",
            resource("Patient"),
            resource("Patient", "2", link=[{"other": ref("Patient/1")}]),
            False,
        ),
    ],
)
def test_include_of_a_patient_whom_nothing_names_is_wrong(
    line: str, match: dict[str, Any] | None, include: dict[str, Any], expected: bool
) -> None:
    assert is_wrong(line, match, include) is expected
