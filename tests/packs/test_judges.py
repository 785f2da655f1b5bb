"""Judges: R4's rules for tokens, references, dates and strings (R4 search.html 3.1.1.4)."""

from typing import Any

import pytest
from support.packs import client_request

from gateway.packs.judges import MAX_VALUES, UnjudgedError, make_judge

SNOMED = "http://snomed.info/sct"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "gender": "female",
    "birthDate": "1990-04",
    "name": [{"family": "Müller-Smith", "given": ["Ana", "Zoë"], "text": "Ana Müller"}],
    "address": [{"line": ["1 Example St"], "city": "Perth"}],
    "managingOrganization": {"reference": "Organization/o1"},
    "generalPractitioner": [
        {"reference": "https://upstream.example/fhir/Practitioner/g1/_history/3"},
        {"reference": "https://other.example/fhir/Practitioner/g2"},
        {"identifier": {"value": "g3"}},
    ],
}
CONDITION: dict[str, Any] = {
    "resourceType": "Condition",
    "severity": {"coding": [{"system": SNOMED, "code": "24484000"}, {"code": "Severe"}], "text": "bad"},
    "identifier": [{"system": "urn:a", "value": "X1"}],
}
CASES = [
    ("Patient?gender=female", True),
    ("Patient?gender=FEMALE", True),
    ("Patient?gender=male", False),
    ("Patient?gender=male,female", True),
    ("Patient?active=true", True),
    ("Patient?active=false", False),
    ("Patient?birthdate=1990", True),
    ("Patient?birthdate=1990-04-01", False),
    ("Patient?birthdate=lt1990-04-15", True),
    ("Patient?birthdate=gt1990", False),
    ("Patient?birthdate=ge1990&birthdate=lt1991", True),
    ("Patient?birthdate=ge1990&birthdate=lt1980", False),
    ("Patient?family=mull", True),
    ("Patient?family=MÜLLER-smith", True),
    ("Patient?family=smith", False),
    ("Patient?given=zoe", True),
    ("Patient?name=ana m", True),
    ("Patient?name=o", False),
    ("Patient?address=1 ex", True),
    ("Patient?address=per", True),
    ("Patient?organization=Organization/o1", True),
    ("Patient?organization=o1", True),
    ("Patient?organization=o2", False),
    ("Patient?organization=Organization/o2,Organization/o1", True),
    ("Patient?general-practitioner=Practitioner/g1", True),
    ("Patient?general-practitioner=https://gateway.example/fhir/Practitioner/g1", True),
    ("Patient?general-practitioner=https://other.example/fhir/Practitioner/g2", True),
    ("Patient?general-practitioner=Practitioner/g2", False),
    ("Patient?general-practitioner=g3", False),
    (f"Condition?severity={SNOMED}|24484000", True),
    (f"Condition?severity={SNOMED}|severe", False),
    ("Condition?severity=|severe", True),
    ("Condition?severity=|24484000", False),
    ("Condition?severity=24484000", True),
    (f"Condition?severity={SNOMED}|", True),
    ("Condition?severity=bad", False),
    ("Condition?identifier=urn:a|x1", True),
    ("Condition?identifier=urn:b|x1", False),
]


@pytest.mark.parametrize(("url", "meets"), CASES)
def test_criterion_is_judged_as_r4_says(url: str, meets: bool) -> None:
    request = client_request("GET " + url.replace(" ", "%20"))
    judge = make_judge(request, request.client_search.parameters)
    assert judge(PATIENT if url.startswith("Patient") else CONDITION) is meets


@pytest.mark.parametrize(
    "url",
    [
        "Patient?gender:not=male",
        "Patient?gender=a\\,b",
        "Patient?gender=",
        "Patient?gender=male,",
        "Patient?gender=http://hl7.org/fhir/administrative-gender|male",
        "Patient?active=yes",
        "Patient?birthdate=ap1990",
        "Patient?birthdate=yesterday",
        "Patient?birthdate:missing=true",
        "Patient?family:exact=Smith",
        "Patient?organization:identifier=x",
        "Patient?organization=a b",
        "Patient?phone=0400000000",
        "Condition?severity=|",
        "Patient?gender=" + ",".join(["male"] * (MAX_VALUES + 1)),
    ],
)
def test_criterion_of_another_form_is_not_judged(url: str) -> None:
    request = client_request("GET " + url.replace(" ", "%20"))
    with pytest.raises(UnjudgedError):
        make_judge(request, request.client_search.parameters)


@pytest.mark.parametrize("value", [None, 3, "x", ["x"], {"coding": "x"}, {"coding": [3, {"code": 4}]}])
def test_element_of_another_shape_meets_nothing(value: object) -> None:
    request = client_request("GET Condition?severity=x")
    assert not make_judge(request, request.client_search.parameters)({"severity": value})
    reference = client_request("GET Patient?organization=x")
    assert not make_judge(reference, reference.client_search.parameters)({"managingOrganization": value})
