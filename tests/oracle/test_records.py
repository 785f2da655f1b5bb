from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from oracle.records import Records

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PATIENTS: dict[str, dict[str, Any]] = {
    "1": {
        "id": "1",
        "gender": "female",
        "name": [{"family": "Müller", "given": ["Ada"]}],
        "birthDate": "1980-02",
    },
    "2": {"id": "2", "name": [{"family": "Muller-Smith"}], "birthDate": "1990-01-01"},
    "3": {"id": "3", "gender": "male", "identifier": [{"system": "urn:a", "value": "7"}]},
}
OBSERVATIONS: dict[str, dict[str, Any]] = {
    "1": {
        "id": "1",
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"system": "urn:loinc", "code": "x"}], "text": "Weight"},
        "performer": [{"reference": "Practitioner/9"}],
    },
    "2": {"id": "2", "subject": {"reference": "http://other/R4/Patient/2"}},
}
RECORDS = Records({"Patient": PATIENTS, "Observation": OBSERVATIONS}, ZoneInfo("Australia/Sydney"))


@pytest.mark.parametrize(
    ("kind", "name", "values", "ids"),
    [
        ("Patient", "family", ["muller"], "12"),
        ("Patient", "family:exact", ["Muller"], ""),
        ("Patient", "family:contains", ["SMITH"], "2"),
        ("Patient", "gender", ["female", "male"], "13"),
        ("Patient", "gender:not", ["female"], "23"),
        ("Patient", "gender:missing", ["true"], "2"),
        ("Patient", "identifier", ["urn:a|7"], "3"),
        ("Patient", "identifier", ["urn:b|7"], ""),
        ("Patient", "identifier", ["urn:a|"], "3"),
        ("Patient", "birthdate", ["lt1985"], "1"),
        ("Patient", "birthdate", ["ne1980"], "2"),
        ("Observation", "code", ["urn:loinc|x"], "1"),
        ("Observation", "code:text", ["weig"], "1"),
        ("Observation", "patient", ["Patient/2", "http://gateway/R4/Patient/1"], "12"),
        ("Observation", "subject:Patient", ["1"], "1"),
        ("Observation", "subject:Patient.family", ["müller"], "12"),
        ("Observation", "patient.gender:not", ["male"], "12"),
        ("Patient", "_has:Observation:patient:code", ["x"], "1"),
    ],
)
def test_criterion_selects_ids(kind: str, name: str, values: Sequence[str], ids: str) -> None:
    assert RECORDS.select(kind, [(name, values)], NOW) == set(ids)


def test_criteria_are_all_met() -> None:
    assert RECORDS.select("Patient", [("family", ["m"]), ("gender", ["female"])], NOW) == {"1"}


@pytest.mark.parametrize(
    ("kind", "step", "found"),
    [
        ("Observation", ("_include", "Observation:subject"), {"Patient/1", "Patient/2"}),
        ("Observation", ("_include", "Observation:performer"), set()),
        ("Observation", ("_include", "Observation:*"), {"Patient/1", "Patient/2"}),
        ("Patient", ("_revinclude", "Observation:patient"), {"Observation/1", "Observation/2"}),
    ],
)
def test_includes_exist_and_are_no_matches(kind: str, step: tuple[str, str], found: set[str]) -> None:
    assert RECORDS.included([(kind, "1"), (kind, "2")], [step]) == found


@pytest.mark.parametrize(
    ("ids", "key", "is_sorted"),
    [
        ("12", "birthdate", True),
        ("21", "birthdate", False),
        ("21", "-birthdate", True),
        ("132", "birthdate", False),
    ],
)
def test_order_follows_the_key(ids: str, key: str, is_sorted: bool) -> None:
    assert RECORDS.is_sorted("Patient", list(ids), key) == is_sorted
