from importlib import import_module

import pytest
from emulator.asking import Halo, link, matches

from gateway.emulator.sites import BRISBANE


def test_a_summary_is_a_valid_ips_document_of_one_patient(halo: Halo) -> None:
    halo.off("last-updated-offset", "link-base-url")
    document = halo.json("Patient/1/$summary")
    import_module("fhir.resources.R4B.bundle").Bundle.model_validate(document)
    composition, patient, *rest = [entry["resource"] for entry in document["entry"]]
    assert (document["type"], composition["resourceType"], patient["id"]) == ("document", "Composition", "1")
    listed = {entry["reference"] for section in composition["section"] for entry in section["entry"]}
    assert listed == {f"{row['resourceType']}/{row['id']}" for row in rest}
    assert {"Condition", "AllergyIntolerance"} <= {row["resourceType"] for row in rest}


def test_a_summary_is_also_found_by_identifier(halo: Halo) -> None:
    medicare = halo.json("Patient/1")["identifier"][1]
    path = f"Patient/$summary?identifier={medicare['system']}|{medicare['value']}"
    assert halo.json(path) == halo.json("Patient/1/$summary")
    assert halo.ask("Patient/$summary").status_code == 400
    assert halo.ask("Patient/$summary?identifier=nobody").status_code == 404


def test_there_is_no_summary_of_nobody(halo: Halo) -> None:
    assert halo.ask("Patient/99999/$summary").status_code == 404


@pytest.mark.parametrize("name", ["Slot", "Appointment"])
def test_free_slots_are_found_between_two_times(halo: Halo, name: str) -> None:
    bundle = halo.json(f"{name}/$find-free?start=2026-04-05T09:00:00&end=2026-04-05T12:00:00", BRISBANE)
    rows = halo.truth("Slot", BRISBANE).values()
    free = [
        row["id"]
        for row in rows
        if row["status"] == "free" and "2026-04-05T09" <= row["start"] < "2026-04-05T12"
    ]
    assert [row["id"] for row in matches(bundle)] == free


def test_free_slots_of_one_schedule_come_in_pages(halo: Halo) -> None:
    halo.off("link-base-url")
    halo.off("reference-base-url")
    bundle = halo.json("Slot/$find-free?schedule=Schedule/1&_count=3")
    assert all(row["schedule"]["reference"] == "Schedule/1" for row in matches(bundle))
    after = halo.json(link(bundle, "next"))
    assert not {row["id"] for row in matches(bundle)} & {row["id"] for row in matches(after)}


@pytest.mark.parametrize("query", ["start=2026", "colour=blue"])
def test_what_find_free_does_not_take_is_refused(halo: Halo, query: str) -> None:
    assert halo.ask(f"Slot/$find-free?{query}").status_code == 400
