import json

from gateway.emulator.health_gorilla.data import RESOURCE_TYPES, generate_tables, resource_id


def test_every_type_has_resources_with_unique_ids() -> None:
    tables = generate_tables(30)
    assert tuple(tables) == RESOURCE_TYPES
    assert {name for name, table in tables.items() if not table} == {"Subscription"}
    ids = [identity for table in tables.values() for identity in table]
    assert len(ids) == len(set(ids))
    assert {len(identity) for identity in ids} == {24}


def test_references_lead_to_resources_of_the_set() -> None:
    tables = generate_tables(5)

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["reference"]] if isinstance(value.get("reference"), str) else []
            return own + [each for item in value.values() for each in references(item)]
        return [each for item in value for each in references(item)] if isinstance(value, list) else []

    found = [each.split("/") for each in references(json.loads(json.dumps(tables)))]
    assert len(found) > 30
    assert all(identity in tables[name] for name, identity in found)


def test_same_size_gives_same_set() -> None:
    assert generate_tables(4) == generate_tables(4)
    assert resource_id("Patient", 1) in generate_tables(2)["Patient"]


def test_no_two_patients_are_duplicates_for_creates() -> None:
    patients = generate_tables(2_000)["Patient"].values()
    assert len({json.dumps(each["name"]) for each in patients}) == 2_000
