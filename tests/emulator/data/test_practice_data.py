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


def test_every_resource_is_valid_r4b(data: Data) -> None:
    for resource_type, records in data.items():
        model = getattr(import_module(f"fhir.resources.R4B.{resource_type.lower()}"), resource_type)
        for record in records:
            model.model_validate(record.resource)


def test_every_emulated_type_has_rows(data: Data) -> None:
    assert set(data) == set(RESOURCE_TYPES)


def test_every_reference_names_a_row(data: Data) -> None:
    known = {f"{name}/{record.resource['id']}" for name, records in data.items() for record in records}
    named = {text for records in data.values() for record in records for text in references(record.resource)}
    assert named
    assert named <= known


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for each in value for text in references(each)]
    if not isinstance(value, dict):
        return []
    own = [value["reference"]] if str(value.get("reference", "#"))[0] != "#" else []
    return own + [text for each in value.values() for text in references(each)]


def test_the_same_seed_gives_the_same_data_and_another_seed_other_data() -> None:
    first, second = (generate_practice_data(SITES[SYDNEY], SETTINGS) for _ in range(2))
    assert first == second
    other = generate_practice_data(SITES[SYDNEY], SETTINGS.model_copy(update={"seed": 7}))
    assert other["Patient"] != first["Patient"]


def test_sites_share_ids_but_not_content() -> None:
    brisbane, perth = (generate_practice_data(SITES[guid], SETTINGS) for guid in (BRISBANE, PERTH))
    assert brisbane["Patient"][1].resource["id"] == perth["Patient"][1].resource["id"]
    assert brisbane["Patient"][1].resource != perth["Patient"][1].resource


def test_some_records_of_most_types_are_inactive(data: Data) -> None:
    for resource_type in ("Patient", "Practitioner", "Appointment", "Condition", "Observation"):
        states = {record.active for record in data[resource_type]}
        assert states == {True, False}, resource_type
    assert data["Patient"][0].active
