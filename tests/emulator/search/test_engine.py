from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from emulator.halo_client import HaloClient, matches

from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY

Row = dict[str, Any]
MEDICARE = "http://ns.electronichealth.net.au/id/medicare-number"


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def match_none(row: Row) -> bool:
    return not row


def match_all(row: Row) -> bool:
    return bool(row)


SEARCHES: list[tuple[str, Callable[[Row], bool]]] = [
    ("Patient?family=Zzy", lambda row: row["name"][0]["family"].startswith("Zzy")),
    ("Patient?family:exact=Smith", lambda row: row["name"][0]["family"] == "Smith"),
    ("Patient?family:contains=SON", lambda row: "son" in row["name"][0]["family"].lower()),
    ("Patient?gender=female", lambda row: row["gender"] == "female"),
    ("Patient?gender:not=female", lambda row: row["gender"] != "female"),
    ("Patient?gender=female,male", lambda row: row["gender"] in {"female", "male"}),
    ("Patient?_id=1,3", lambda row: row["id"] in {"1", "3"}),
    ("Patient?_id=1&_id=3", match_none),
    ("Patient?active=true", lambda row: row["active"]),
    ("Patient?death-date:missing=false", lambda row: "deceasedDateTime" in row),
    ("Patient?death-date:missing=true", lambda row: "deceasedDateTime" not in row),
    ("Patient?deceased=true", lambda row: "deceasedDateTime" in row),
    (f"Patient?identifier={MEDICARE}|", match_all),
    ("Patient?identifier=http://other|2950000001", match_none),
    ("Patient?birthdate=1980-02-29", lambda row: row["birthDate"] == "1980-02-29"),
    ("Patient?birthdate=ne1980-02-29", lambda row: row["birthDate"] != "1980-02-29"),
    (
        "Patient?birthdate=ge1970-01-01&birthdate=lt1990-01-01",
        lambda row: "1970" <= row["birthDate"] < "1990",
    ),
    ("Patient?birthdate=lt1960-01-01,ge2000-01-01", lambda row: not "1960" <= row["birthDate"] < "2000"),
    (
        "Patient?general-practitioner=Practitioner/2",
        lambda row: row["generalPractitioner"][0]["reference"][-1] == "2",
    ),
    ("Condition?code=http://snomed.info/sct|195967001", lambda row: row["code"]["text"] == "Asthma"),
    ("Condition?code:text=asth", lambda row: row["code"]["text"] == "Asthma"),
    ("Condition?patient=1", lambda row: row["subject"]["reference"] == "Patient/1"),
    ("Condition?patient=Patient/1", lambda row: row["subject"]["reference"] == "Patient/1"),
    ("Condition?subject:Patient=1", lambda row: row["subject"]["reference"] == "Patient/1"),
    (
        "Condition?patient=https://h/integrator/sites/x/fhir/R4/Patient/1",
        lambda row: row["subject"]["reference"] == "Patient/1",
    ),
    ("Condition?patient.family=Zzyzx", lambda row: row["subject"]["reference"] == "Patient/1"),
    ("Condition?patient:Patient.name=matilda%20j", match_none),
    ("Condition?patient.birthdate=1980-02-29", lambda row: row["subject"]["reference"] == "Patient/1"),
    ("Condition?patient:Patient.identifier=nothing", match_none),
    ("Slot?status=free", lambda row: row["status"] == "free"),
    (
        "Slot?start=ge2026-10-04T01:00:00&start=lt2026-10-04T03:30:00",
        lambda row: "2026-10-04T01:00" <= row["start"][:16] < "2026-10-04T03:30",
    ),
]


@pytest.mark.parametrize(("path", "matches_row"), SEARCHES, ids=[path for path, _ in SEARCHES])
def test_search_returns_exactly_matching_rows(
    halo: HaloClient, path: str, matches_row: Callable[[Row], bool]
) -> None:
    rows = halo.truth(path.partition("?")[0])
    ids = halo.ids(f"{path}&_count=1000")
    assert ids == [identity for identity, row in rows.items() if matches_row(row)]


def test_has_finds_patients_by_condition(halo: HaloClient) -> None:
    asthma_ids = {
        row["subject"]["reference"].rpartition("/")[2]
        for row in halo.truth("Condition").values()
        if row["code"]["text"] == "Asthma"
    }
    ids = halo.ids("Patient?_has:Condition:patient:code=195967001&_count=1000")
    assert ids
    assert set(ids) == asthma_ids & set(halo.truth("Patient"))


def test_has_ignores_references_to_other_types(halo: HaloClient) -> None:
    ids = halo.ids("Practitioner?_has:Appointment:actor:status=booked&_count=1000")
    actors = {
        participant["actor"]["reference"]
        for row in halo.truth("Appointment").values()
        if row["status"] == "booked"
        for participant in row["participant"]
    }
    assert {f"Practitioner/{identity}" for identity in ids} == {
        actor for actor in actors if actor.startswith("Practitioner/")
    }


@pytest.mark.parametrize("site", SITES)
def test_time_without_zone_is_wall_clock_of_site(halo: HaloClient, site: str) -> None:
    path = "Appointment?date=ge2026-04-05T02:00:00&date=lt2026-04-05T03:00:00&_count=1000"
    rows = halo.truth("Appointment", site)
    expected = [key for key, row in rows.items() if row["start"].startswith("2026-04-05T02:")]
    assert halo.ids(path, site) == expected
    assert expected


def test_zoned_time_is_instant_without_date_format_fault(halo: HaloClient) -> None:
    halo.disable("search-date-format")
    path = "Appointment?date=ge2026-04-04T16:00:00Z&date=lt2026-04-05T00:00:00%2B10:00&_count=1000"
    assert halo.ids(path, BRISBANE) == []
    path = "Slot?start=ge2026-04-05T00:30:00Z&start=lt2026-04-05T11:30:00%2B10:00&_count=1000"
    rows = halo.truth("Slot", BRISBANE)
    expected = [key for key, row in rows.items() if "2026-04-05T10:30" <= row["start"] < "2026-04-05T11:30"]
    assert expected
    assert halo.ids(path, BRISBANE) == expected


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("Patient?_sort=birthdate", lambda row: row["birthDate"]),
        ("Patient?_sort=gender,birthdate", lambda row: (row["gender"], row["birthDate"])),
        ("Patient?_sort=_id", lambda row: int(row["id"])),
        ("Appointment?_sort=date", lambda row: wall(row["start"])),
    ],
)
def test_rows_are_sorted_by_sort_parameter(halo: HaloClient, path: str, key: Callable[[Row], Any]) -> None:
    rows = matches(halo.json(f"{path}&_count=1000"))
    assert [key(row) for row in rows] == sorted(key(row) for row in rows)
    field, reverse = path.rpartition("=")[2], matches(halo.json(f"{path.replace('=', '=-')}&_count=1000"))
    if "," not in field:
        assert [key(row) for row in reverse] == sorted((key(row) for row in rows), reverse=True)


def test_rows_without_sort_value_are_first(halo: HaloClient) -> None:
    rows = matches(halo.json("Patient?_sort=death-date&_count=1000"))
    assert "deceasedDateTime" not in rows[0]


def test_same_id_is_different_patient_at_other_site(halo: HaloClient) -> None:
    assert halo.json("Patient/2", PERTH)["name"] != halo.json("Patient/2", SYDNEY)["name"]


@pytest.mark.parametrize("prefix", ["sa", "eb"])
def test_sa_and_eb_are_refused_by_variant(halo: HaloClient, prefix: str) -> None:
    path = f"Patient?birthdate={prefix}1980-02-29"
    assert halo.send(path).status_code == 200
    halo.set_variants(sa_eb=False)
    assert halo.send(path).status_code == 400


def test_column_zone_variant_selects_utc(halo: HaloClient) -> None:
    path = "Appointment?date=ge2026-04-04T16:00:00&date=lt2026-04-04T17:00:00"
    assert halo.ids(path, BRISBANE) == []
    halo.set_variants(column_zones={"Appointment.date": "utc"})
    rows = halo.truth("Appointment", BRISBANE)
    ids = halo.ids(path, BRISBANE)
    assert ids
    assert ids == [key for key, row in rows.items() if row["start"].startswith("2026-04-05T02:")]


def test_last_updated_filter_uses_wall_clock(halo: HaloClient) -> None:
    zone = SITES[SYDNEY].zone
    rows = {
        key: datetime.fromisoformat(row["meta"]["lastUpdated"]).astimezone(zone).replace(tzinfo=None)
        for key, row in halo.truth("Patient").items()
    }
    ids = halo.ids("Patient?_lastUpdated=ge2026-01-01&_count=1000")
    assert ids == [key for key, changed in rows.items() if changed >= wall("2026-01-01")]
