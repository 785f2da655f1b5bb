"""Lossless pass-through of resources, unreadable bodies, and validity of every response under R4."""

from importlib import import_module
from typing import Any

import pytest
from conftest import Pair

HEADERS = {"content-type": "application/json"}


def get_with_body(pair: Pair, body: str, path: str = "Patient/1") -> Any:
    pair.fault(kind="answer", status=200, body=body, times=1, headers=HEADERS)
    return pair.get(path)


@pytest.mark.parametrize(
    "content",
    [
        '"value":0.10',
        '"value":1e-7,"big":123456789012345678901234567890',
        '"future":{"z":1,"a":[null,true]},"_active":{"id":"x"}',
        '"text":{"div":"\\u00e9 é \\uD83D\\uDE00 \\/ "}',
        f'"deep":{"[" * 100}{"]" * 100}',
        '"twice":{"a":1,"a":2}',
    ],
)
@pytest.mark.parametrize("stamp", ["2026-07-01T10:00:00", "2026-07-01T00:00:00Z"])
def test_resource_is_unchanged_except_for_last_updated(pair: Pair, content: str, stamp: str) -> None:
    body = f'{{"resourceType":"Patient","id":"1", "meta":{{"lastUpdated":"{stamp}"}},{content}}}'
    assert get_with_body(pair, body).text == body.replace("T10:00:00", "T00:00:00Z")


@pytest.mark.parametrize(
    "body",
    [
        '{"resourceType":"Patient","id":"1","id":"2"}',
        '{"resourceType":"Patient","meta":{"lastUpdated":"x","lastUpdated":"y"},"n":[{}],"a":}',
        '{"resourceType":"Patient","id":"1"',
        '{"resourceType":"Patient","id":01}',
        '{"resourceType":"Patient",' + '"a":{' * 5000 + "}" * 5000 + "}",
        "[]",
        "nothing",
    ],
)
def test_unreadable_body_is_a_bad_gateway(pair: Pair, body: str) -> None:
    response = get_with_body(pair, body)
    assert (response.status_code, response.json()["resourceType"]) == (502, "OperationOutcome")


VALID = [
    *("Patient/1", "Appointment/1", "DocumentReference/12", "Binary/1", "Practitioner/1", "Observation/1"),
    *(
        "Patient?_count=5&_revinclude=Condition:patient&_include=Patient:organization",
        "Patient?_summary=count",
    ),
    *(
        "Appointment?date=2026-04&_count=5&_include=Appointment:patient",
        "Patient?birthdate=ne1980-02-29&_count=3",
    ),
    *("Patient?name=Nobody", "Patient?colour=red&_count=2", "Patient?_elements=name&_count=2", "metadata"),
    *(
        "Patient/1/$summary",
        "Slot/$find-free?_count=3",
        "Patient/none",
        "Patient?birthdate=x",
        "Patient?active=false",
    ),
    *("Patient?_page=x", "Nothing/1", "Patient?_format=xml", "Condition?_count=50", "Immunization?_count=50"),
]


@pytest.mark.parametrize("path", VALID)
def test_every_response_is_valid_r4(pair: Pair, path: str) -> None:
    resource = pair.get(path).json()
    kind = resource["resourceType"]
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    model.model_validate(resource)


@pytest.mark.parametrize("kind", ["offline", "too-large", "login-failed", "quota", "no-contact", "truncate"])
def test_every_failure_is_valid_r4(pair: Pair, kind: str) -> None:
    from fhir.resources.R4B.operationoutcome import OperationOutcome

    pair.fault(kind=kind)
    OperationOutcome.model_validate_json(pair.get("Patient?_count=2").text)
