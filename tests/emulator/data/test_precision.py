from collections import Counter
from typing import Any

import pytest

from gateway.emulator.data.practice_data import generate_practice_data
from gateway.emulator.data.precision import with_stored_precision
from gateway.emulator.settings import EmulatorSettings, StoredPrecision
from gateway.emulator.sites import SITES, SYDNEY

CONDITION = {"resourceType": "Condition", "id": "7", "recordedDate": "2024-05-01T09:00:00+10:00"}


@pytest.mark.parametrize(
    ("precision", "value"), [("day", "2024-05-01"), ("month", "2024-05"), ("year", "2024")]
)
def test_element_is_cut_to_precision(precision: StoredPrecision, value: str) -> None:
    cut = with_stored_precision(CONDITION, {"Condition.recordedDate": precision})
    assert cut == {**CONDITION, "recordedDate": value}


@pytest.mark.parametrize("name", ["Condition.onsetDateTime", "Observation.recordedDate"])
def test_resource_without_the_element_is_returned_unchanged(name: str) -> None:
    assert with_stored_precision(CONDITION, {name: "day"}) is CONDITION


def test_both_ends_of_period_are_cut() -> None:
    period = {"start": "2024-05-01T09:00:00+10:00", "end": "2024-05-02T09:00:00+10:00"}
    resource: dict[str, Any] = {"resourceType": "Encounter", "id": "1", "period": period}
    cut = with_stored_precision(resource, {"Encounter.period": "day"})
    assert cut["period"] == {"start": "2024-05-01", "end": "2024-05-02"}


def test_mixed_precision_has_every_precision() -> None:
    settings = EmulatorSettings(patients=60, stored_precision={"Condition.recordedDate": "mixed"})
    rows = generate_practice_data(SITES[SYDNEY], settings)["Condition"]
    assert set(Counter(len(row.resource["recordedDate"]) for row in rows)) == {4, 7, 10, 25}


def test_other_data_do_not_depend_on_precision() -> None:
    plain, cut = (
        generate_practice_data(SITES[SYDNEY], EmulatorSettings(patients=20, stored_precision=precision))
        for precision in ({}, {"Condition.recordedDate": "year"})
    )
    assert plain["Observation"] == cut["Observation"]
    assert [row.active for row in plain["Condition"]] == [row.active for row in cut["Condition"]]
