import pytest
from emulator.health_gorilla.gorilla_client import PATIENT, GorillaClient

from gateway.emulator.health_gorilla.errors import GorillaError
from gateway.emulator.health_gorilla.search import date_range, is_date_match

STORED = "2026-02-10T10:00:00.000+00:00"


@pytest.mark.parametrize(
    "query",
    [
        f"Patient?_id={PATIENT}",
        "Patient?identifier=HG-00001",
        "Patient?identifier=system|HG-00001",
        "Patient?given=n1&given=N1&name=Quill&_count=100&identifier=HG-00001,HG-00099",
        f"DocumentReference?patient=Patient/{PATIENT}",
        f"RequestGroup?subject={PATIENT}&status=active",
    ],
)
def test_criteria_find_one_resource(gorilla: GorillaClient, query: str) -> None:
    assert gorilla.get(f"/fhir/R4/{query}").json()["total"] == 1


def test_criteria_that_match_nothing_give_an_empty_bundle(gorilla: GorillaClient) -> None:
    bundle = gorilla.get("/fhir/R4/Patient?family=none").json()
    assert bundle["total"] == 0
    assert "entry" not in bundle


def test_unknown_parameter_is_named(gorilla: GorillaClient) -> None:
    response = gorilla.get("/fhir/R4/Patient?colour=blue&family=Zzyzx")
    assert response.status_code == 400
    assert response.json()["issue"][0]["diagnostics"] == (
        "Invalid request: The FHIR endpoint on this server does not know how to handle GET operation[Patient]"
        " with parameters [[colour]]"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ge2026-02-10", True),
        ("le2026-02-10", True),
        ("gt2026-02-10", False),
        ("lt2026-02-10", False),
        ("2026-02-10", True),
        ("eq2026-02", True),
        ("2026", True),
        ("2027", False),
        ("ge2026-02-10T09:59:59Z", True),
        ("ge2026-02-10T20:00:00+10:00", True),
        ("ge2026-02-10T10:00:01Z", False),
        ("le2026-02-10T20:30:00+10:00", True),
    ],
)
def test_dates_are_compared_by_their_instants(value: str, expected: bool) -> None:
    assert is_date_match(STORED, value) is expected


@pytest.mark.parametrize("value", ["yesterday", "ge2026-13-01", "sa2026-01-01", "20"])
def test_malformed_date_is_refused(value: str) -> None:
    with pytest.raises(GorillaError):
        is_date_match(STORED, value)


def test_range_of_a_day_is_in_utc() -> None:
    begin, end = date_range("2026-02-10")
    assert (begin.isoformat(), end.isoformat()) == ("2026-02-10T00:00:00+00:00", "2026-02-11T00:00:00+00:00")


def test_last_updated_is_a_criterion_of_every_type(gorilla: GorillaClient) -> None:
    total = gorilla.get("/fhir/R4/Patient?_lastUpdated=ge2024-11-01T00:00:00Z").json()["total"]
    assert total == 45
    assert gorilla.get("/fhir/R4/Patient?_lastUpdated=ge2030-01-01").json()["total"] == 0
