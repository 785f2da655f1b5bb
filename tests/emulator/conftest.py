from collections.abc import Iterator

import pytest
from emulator.halo_client import HaloClient

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings

SETTINGS = EmulatorSettings(patients=60, documents=12)


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[RunningEmulator]:
    with RunningEmulator(SETTINGS) as emulator:
        yield emulator


@pytest.fixture
def halo(running_emulator: RunningEmulator) -> Iterator[HaloClient]:
    running_emulator.control("POST", "reset")
    client = HaloClient(running_emulator)
    yield client
    client.http.close()
