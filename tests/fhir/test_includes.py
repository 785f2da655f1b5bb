import json

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
def test_an_entry_is_a_match_unless_it_says_otherwise(search: str | None, expected: str) -> None:
    assert search_mode(entry("Patient", "1", search)) == expected


def test_a_resource_is_known_by_type_and_id() -> None:
    assert resource_key(entry("Patient", "1")) == "Patient/1"
    assert resource_key(Entry({})) == "/"


def refers(*names: str) -> dict[str, object]:
    return {"x": [{"reference": name} for name in names]}


def test_includes_of_filtered_matches_go_and_what_is_reached_stays() -> None:
    kept = [entry("Appointment", "1", **refers("https://h/fhir/R4/Patient/1/_history/2", "#c", "urn:uuid:1"))]
    practice = entry("Organization", "1")
    patient = entry("Patient", "1", **refers("Organization/1"))
    condition = entry("Condition", "1", **refers("Patient/1"))
    others = [
        practice,
        patient,
        condition,
        entry("Patient", "2"),
        entry("Observation", "1", **refers("Patient/1")),
    ]
    assert reachable_includes(kept, others, frozenset()) == [patient, practice]
    assert reachable_includes(kept, others, frozenset({"Condition"})) == [patient, practice, condition]
