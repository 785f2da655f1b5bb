import socket
from collections.abc import Iterator

import pytest
from probe.probing import set_to
from structlog.testing import capture_logs

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings


@pytest.fixture(scope="session")
def _running() -> Iterator[RunningEmulator]:
    with RunningEmulator(EmulatorSettings(patients=30, documents=3)) as emulator:
        yield emulator


@pytest.fixture
def halo(_running: RunningEmulator) -> Iterator[RunningEmulator]:
    """A running emulator with nothing written down; its data stay, for they are costly to index."""
    set_to(_running, {})
    for each in ("faults", "bill", "requests"):
        _running.control("DELETE", each)
    with capture_logs():
        yield _running


@pytest.fixture
def unused() -> int:
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
