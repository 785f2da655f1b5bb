from collections.abc import Iterator

import pytest
from emulator.halo_itsm.itsm_client import ItsmClient

from gateway.emulator.halo_itsm.app import create_halo_itsm
from gateway.emulator.serve import RunningEmulator


@pytest.fixture(scope="session")
def running_itsm() -> Iterator[RunningEmulator]:
    with RunningEmulator(app=create_halo_itsm()) as emulator:
        yield emulator


@pytest.fixture
def itsm(running_itsm: RunningEmulator) -> Iterator[ItsmClient]:
    running_itsm.control("POST", "reset")
    client = ItsmClient(running_itsm)
    yield client
    client.http.close()
