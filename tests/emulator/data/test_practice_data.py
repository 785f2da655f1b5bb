from importlib import import_module
from typing import Any

import pytest

from gateway.emulator.data.practice_data import generate_practice_data
from gateway.emulator.data.records import Record
from gateway.emulator.search.parameters import RESOURCE_TYPES
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY

SETTINGS = EmulatorSettings(patients=120, documents=20)
Data = dict[str, list[Record]]


@pytest.fixture(scope="module", params=SITES, ids=lambda guid: SITES[guid].city)
def data(request: pytest.FixtureRequest) -> Data:
    return generate_practice_data(SITES[request.param], SETTINGS)


def test_all_resources_are_valid_r4b(data: Data) -> None:
    for resource_type, records in data.items():
        model = getattr(import_module(f"fhir.resources.R4B.{resource_type.lower()}"), resource_type)
        for record in records:
            model.model_validate(record.resource)


def test_all_emulated_types_have_rows(data: Data) -> None:
    assert set(data) == set(RESOURCE_TYPES)


def test_all_references_name_a_row(data: Data) -> None:
    rows = {f"{name}/{record.resource['id']}" for name, records in data.items() for record in records}
    targets = {target for records in data.values() for row in records for target in references(row.resource)}
    assert targets
    assert targets <= rows


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in references(item)]
    if not isinstance(value, dict):
        return []
    local = [value["reference"]] if str(value.get("reference", "#"))[0] != "#" else []
    return local + [text for child in value.values() for text in references(child)]


def test_same_seed_gives_same_data() -> None:
    first, second = (generate_practice_data(SITES[SYDNEY], SETTINGS) for _ in range(2))
    assert first == second
    other_seed = generate_practice_data(SITES[SYDNEY], SETTINGS.model_copy(update={"seed": 7}))
    assert other_seed["Patient"] != first["Patient"]


def test_sites_share_ids_but_not_content() -> None:
    brisbane, perth = (generate_practice_data(SITES[guid], SETTINGS) for guid in (BRISBANE, PERTH))
    assert brisbane["Patient"][1].resource["id"] == perth["Patient"][1].resource["id"]
    assert brisbane["Patient"][1].resource != perth["Patient"][1].resource


def test_most_types_have_inactive_records(data: Data) -> None:
    for resource_type in ("Patient", "Practitioner", "Appointment", "Condition", "Observation"):
        states = {record.active for record in data[resource_type]}
        assert states == {True, False}, resource_type
    assert data["Patient"][0].active
