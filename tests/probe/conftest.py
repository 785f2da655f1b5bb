"""Fixtures of the probe: a running emulator, an unused port."""

import socket
from collections.abc import Iterator

import pytest
from probe.probing import set_variants
from structlog.testing import capture_logs

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings


@pytest.fixture(scope="session")
def _running_emulator() -> Iterator[RunningEmulator]:
    with RunningEmulator(EmulatorSettings(patients=30, documents=3)) as emulator:
        yield emulator


@pytest.fixture
def emulator(_running_emulator: RunningEmulator) -> Iterator[RunningEmulator]:
    """A running emulator, reset except for its data, which are slow to index."""
    set_variants(_running_emulator, {})
    for name in ("faults", "bill", "requests"):
        _running_emulator.control("DELETE", name)
    with capture_logs():
        yield _running_emulator


@pytest.fixture
def unused_port() -> int:
    """A port without a listener."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port
