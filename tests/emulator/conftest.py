from collections.abc import Iterator

import pytest
from emulator.asking import Halo

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings

SETTINGS = EmulatorSettings(patients=60, documents=12)


@pytest.fixture(scope="session")
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(SETTINGS) as emulator:
        yield emulator


@pytest.fixture
def halo(running: RunningEmulator) -> Iterator[Halo]:
    running.control("POST", "reset")
    client = Halo(running)
    yield client
    client.http.close()
