"""Faults of resources: each is a documented fault, and changes only the resources that it concerns."""

import pytest
from emulator.halo_client import HaloClient

from gateway.emulator.resource_faults import RESOURCE_FAULTS
from gateway.emulator.settings import DOCUMENTED_FAULTS


def test_fault_of_a_resource_is_documented() -> None:
    assert set(RESOURCE_FAULTS) < set(DOCUMENTED_FAULTS)


@pytest.mark.parametrize("name", RESOURCE_FAULTS)
def test_fault_changes_a_resource_and_can_be_switched_off(halo: HaloClient, name: str) -> None:
    path = RESOURCE_FAULTS[name].example or "Patient/1"
    right = dict.fromkeys(DOCUMENTED_FAULTS, False)
    halo.patch_settings(faults=right)
    before = halo.json(path)
    halo.patch_settings(faults=right | {name: True})
    assert halo.json(path) != before
