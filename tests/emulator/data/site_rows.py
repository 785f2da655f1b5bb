"""Generated rows of a site."""

from functools import cache
from typing import Any

from gateway.emulator.data.practice_data import generate_practice_data
from gateway.emulator.data.records import Record
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SITES

SETTINGS = EmulatorSettings(patients=120, documents=2)


@cache
def data(site: str) -> dict[str, list[Record]]:
    return generate_practice_data(SITES[site], SETTINGS)


def rows(site: str, resource_type: str) -> list[dict[str, Any]]:
    return [record.resource for record in data(site)[resource_type]]
