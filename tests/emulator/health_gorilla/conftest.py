from collections.abc import Iterator

import httpx
import pytest
from emulator.health_gorilla.gorilla_client import GorillaClient

from gateway.emulator.health_gorilla.app import create_health_gorilla
from gateway.emulator.serve import RunningEmulator


@pytest.fixture(scope="session")
def running_gorilla() -> Iterator[RunningEmulator]:
    with RunningEmulator(app=create_health_gorilla()) as emulator:
        yield emulator


@pytest.fixture
def gorilla(running_gorilla: RunningEmulator) -> Iterator[GorillaClient]:
    running_gorilla.control("POST", "reset")
    with httpx.Client(timeout=10, trust_env=False) as http:
        yield GorillaClient(running_gorilla, http)
