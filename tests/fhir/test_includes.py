"""Includes of a filtered page."""

import json
from time import process_time

import pytest
from msgspec import Raw

from gateway.fhir.bundle import Entry
from gateway.fhir.includes import reachable_includes, resource_key, search_mode


def entry(kind: str, id_: str, search: str | None = None, **fields: object) -> Entry:
    resource = Raw(json.dumps({"resourceType": kind, "id": id_, **fields}).encode())
    return Entry({"resource": resource} | ({} if search is None else {"search": Raw(search.encode())}))


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (None, "match"),
        ("{}", "match"),
        ('{"mode":"include"}', "include"),
        ('{ "score": 1.0, "mode": "outcome" }', "outcome"),
        ('{"mode":"match"}', "match"),
    ],
)
def test_entry_without_mode_is_match(search: str | None, expected: str) -> None:
    assert search_mode(entry("Patient", "1", search)) == expected


def test_resource_key_is_type_and_id() -> None:
    assert resource_key(entry("Patient", "1")) == "Patient/1"
    assert resource_key(Entry({})) == "/"


def references(*names: str) -> dict[str, object]:
    return {"x": [{"reference": name} for name in names]}


def test_only_reachable_includes_remain() -> None:
    reference = "https://h/fhir/R4/Patient/1/_history/2"
    matches = [entry("Appointment", "1", **references(reference, "#c", "urn:uuid:1"))]
    practice = entry("Organization", "1")
    patient = entry("Patient", "1", **references("Organization/1"))
    condition = entry("Condition", "1", **references("Patient/1"))
    includes = [
        practice,
        patient,
        condition,
        entry("Patient", "2"),
        entry("Observation", "1", **references("Patient/1")),
    ]
    assert reachable_includes(matches, includes, frozenset()) == [patient, practice]
    assert reachable_includes(matches, includes, frozenset({"Condition"})) == [patient, practice, condition]


def test_long_chain_of_includes_is_followed_in_linear_time() -> None:
    chain = [
        entry("Location", str(number), **references(f"Location/{number + 1}")) for number in range(5_000)
    ]
    start = process_time()
    assert reachable_includes(chain[:1], chain[1:], frozenset()) == chain[1:]
    assert process_time() - start < 2
