from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from emulator.asking import Halo, matches

from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY

Row = dict[str, Any]
MEDICARE = "http://ns.electronichealth.net.au/id/medicare-number"


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def nothing(row: Row) -> bool:
    return not row


def everything(row: Row) -> bool:
    return bool(row)


SEARCHES: list[tuple[str, Callable[[Row], bool]]] = [
    ("Patient?family=Zzy", lambda row: row["name"][0]["family"].startswith("Zzy")),
    ("Patient?family:exact=Smith", lambda row: row["name"][0]["family"] == "Smith"),
    ("Patient?family:contains=SON", lambda row: "son" in row["name"][0]["family"].lower()),
    ("Patient?gender=female", lambda row: row["gender"] == "female"),
    ("Patient?gender:not=female", lambda row: row["gender"] != "female"),
    ("Patient?gender=female,male", lambda row: row["gender"] in {"female", "male"}),
    ("Patient?_id=1,3", lambda row: row["id"] in {"1", "3"}),
    ("Patient?_id=1&_id=3", nothing),
    ("Patient?active=true", lambda row: row["active"]),
    ("Patient?death-date:missing=false", lambda row: "deceasedDateTime" in row),
    ("Patient?death-date:missing=true", lambda row: "deceasedDateTime" not in row),
    ("Patient?deceased=true", lambda row: "deceasedDateTime" in row),
    (f"Patient?identifier={MEDICARE}|", everything),
    ("Patient?identifier=http://other|2950000001", nothing),
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
    ("Condition?patient:Patient.name=matilda%20j", nothing),
    ("Condition?patient.birthdate=1980-02-29", lambda row: row["subject"]["reference"] == "Patient/1"),
    ("Condition?patient:Patient.identifier=nothing", nothing),
    ("Slot?status=free", lambda row: row["status"] == "free"),
    (
        "Slot?start=ge2026-10-04T01:00:00&start=lt2026-10-04T03:30:00",
        lambda row: "2026-10-04T01:00" <= row["start"][:16] < "2026-10-04T03:30",
    ),
]


@pytest.mark.parametrize(("path", "expected"), SEARCHES, ids=[path for path, _ in SEARCHES])
def test_a_search_finds_exactly_the_rows_it_describes(
    halo: Halo, path: str, expected: Callable[[Row], bool]
) -> None:
    rows = halo.truth(path.partition("?")[0])
    found = halo.ids(f"{path}&_count=1000")
    assert found == [identity for identity, row in rows.items() if expected(row)]


def test_a_reverse_chain_finds_patients_by_their_conditions(halo: Halo) -> None:
    ill = {
        row["subject"]["reference"].rpartition("/")[2]
        for row in halo.truth("Condition").values()
        if row["code"]["text"] == "Asthma"
    }
    found = halo.ids("Patient?_has:Condition:patient:code=195967001&_count=1000")
    assert found
    assert set(found) == ill & set(halo.truth("Patient"))


def test_a_reverse_chain_counts_only_references_to_its_own_type(halo: Halo) -> None:
    found = halo.ids("Practitioner?_has:Appointment:actor:status=booked&_count=1000")
    actors = {
        each["actor"]["reference"]
        for row in halo.truth("Appointment").values()
        if row["status"] == "booked"
        for each in row["participant"]
    }
    assert {f"Practitioner/{identity}" for identity in found} == {
        actor for actor in actors if actor.startswith("Practitioner/")
    }


@pytest.mark.parametrize("site", SITES)
def test_a_bare_time_is_the_wall_clock_of_the_site(halo: Halo, site: str) -> None:
    path = "Appointment?date=ge2026-04-05T02:00:00&date=lt2026-04-05T03:00:00&_count=1000"
    rows = halo.truth("Appointment", site)
    expected = [key for key, row in rows.items() if row["start"].startswith("2026-04-05T02:")]
    assert halo.ids(path, site) == expected
    assert expected


def test_a_zoned_time_names_an_instant_once_full_values_are_taken(halo: Halo) -> None:
    halo.off("search-date-format")
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
def test_rows_come_in_the_order_asked_for(halo: Halo, path: str, key: Callable[[Row], Any]) -> None:
    rows = matches(halo.json(f"{path}&_count=1000"))
    assert [key(row) for row in rows] == sorted(key(row) for row in rows)
    field, reverse = path.rpartition("=")[2], matches(halo.json(f"{path.replace('=', '=-')}&_count=1000"))
    if "," not in field:
        assert [key(row) for row in reverse] == sorted((key(row) for row in rows), reverse=True)


def test_rows_without_the_value_come_first_as_sql_server_has_it(halo: Halo) -> None:
    rows = matches(halo.json("Patient?_sort=death-date&_count=1000"))
    assert "deceasedDateTime" not in rows[0]


def test_one_patient_of_perth_is_not_the_one_of_sydney(halo: Halo) -> None:
    assert halo.json("Patient/2", PERTH)["name"] != halo.json("Patient/2", SYDNEY)["name"]


@pytest.mark.parametrize("prefix", ["sa", "eb"])
def test_sa_and_eb_can_be_refused(halo: Halo, prefix: str) -> None:
    path = f"Patient?birthdate={prefix}1980-02-29"
    assert halo.ask(path).status_code == 200
    halo.variants(sa_eb=False)
    assert halo.ask(path).status_code == 400


def test_a_column_can_keep_utc(halo: Halo) -> None:
    path = "Appointment?date=ge2026-04-04T16:00:00&date=lt2026-04-04T17:00:00"
    assert halo.ids(path, BRISBANE) == []
    halo.variants(column_zones={"Appointment.date": "utc"})
    rows = halo.truth("Appointment", BRISBANE)
    found = halo.ids(path, BRISBANE)
    assert found
    assert found == [key for key, row in rows.items() if row["start"].startswith("2026-04-05T02:")]


def test_a_filter_on_last_changes_takes_the_wall_clock(halo: Halo) -> None:
    zone = SITES[SYDNEY].zone
    rows = {
        key: datetime.fromisoformat(row["meta"]["lastUpdated"]).astimezone(zone).replace(tzinfo=None)
        for key, row in halo.truth("Patient").items()
    }
    found = halo.ids("Patient?_lastUpdated=ge2026-01-01&_count=1000")
    assert found == [key for key, changed in rows.items() if changed >= wall("2026-01-01")]
