from importlib import import_module

import pytest
from emulator.halo_client import HaloClient, link_url, matches

from gateway.emulator.sites import BRISBANE


def test_summary_is_valid_ips_document(halo: HaloClient) -> None:
    halo.disable("last-updated-offset", "link-base-url")
    document = halo.json("Patient/1/$summary")
    import_module("fhir.resources.R4B.bundle").Bundle.model_validate(document)
    composition, patient, *rest = [entry["resource"] for entry in document["entry"]]
    assert (document["type"], composition["resourceType"], patient["id"]) == ("document", "Composition", "1")
    references = {entry["reference"] for section in composition["section"] for entry in section["entry"]}
    assert references == {f"{row['resourceType']}/{row['id']}" for row in rest}
    assert {"Condition", "AllergyIntolerance"} <= {row["resourceType"] for row in rest}


def test_summary_by_identifier_equals_summary_by_id(halo: HaloClient) -> None:
    medicare = halo.json("Patient/1")["identifier"][1]
    path = f"Patient/$summary?identifier={medicare['system']}|{medicare['value']}"
    assert halo.json(path) == halo.json("Patient/1/$summary")
    assert halo.send("Patient/$summary").status_code == 400
    assert halo.send("Patient/$summary?identifier=nobody").status_code == 404


def test_summary_of_unknown_patient_is_not_found(halo: HaloClient) -> None:
    assert halo.send("Patient/99999/$summary").status_code == 404


@pytest.mark.parametrize("name", ["Slot", "Appointment"])
def test_find_free_returns_free_slots_between_times(halo: HaloClient, name: str) -> None:
    bundle = halo.json(f"{name}/$find-free?start=2026-04-05T09:00:00&end=2026-04-05T12:00:00", BRISBANE)
    rows = halo.truth("Slot", BRISBANE).values()
    free = [
        row["id"]
        for row in rows
        if row["status"] == "free" and "2026-04-05T09" <= row["start"] < "2026-04-05T12"
    ]
    assert [row["id"] for row in matches(bundle)] == free


def test_find_free_by_schedule_is_paged(halo: HaloClient) -> None:
    halo.disable("link-base-url")
    halo.disable("reference-base-url")
    bundle = halo.json("Slot/$find-free?schedule=Schedule/1&_count=3")
    assert all(row["schedule"]["reference"] == "Schedule/1" for row in matches(bundle))
    next_page = halo.json(link_url(bundle, "next"))
    assert not {row["id"] for row in matches(bundle)} & {row["id"] for row in matches(next_page)}


@pytest.mark.parametrize("query", ["start=2026", "colour=blue"])
def test_invalid_find_free_parameter_is_refused(halo: HaloClient, query: str) -> None:
    assert halo.send(f"Slot/$find-free?{query}").status_code == 400
