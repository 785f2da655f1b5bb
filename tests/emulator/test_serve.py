import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from emulator.halo_client import HaloClient

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SYDNEY
from gateway.settings.upstreams import Timeouts

SETTINGS = EmulatorSettings(patients=5, documents=0)
PROGRAM = """
from gateway.emulator.app import create_emulator
from gateway.emulator.serve import serve
serve(create_emulator(), "127.0.0.1", 0)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program_prints_address_and_exits_with_0_on_signal(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        line = program.stdout.readline()
        address = re.fullmatch(r"halo emulator listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert address
        with urllib.request.urlopen(f"{address[1]}/_emulator/sites") as response:  # noqa: S310 - http
            assert response.status == 200
        program.send_signal(number)
        assert program.wait(10) == 0
        assert program.stdout.read() == ""


def test_two_running_emulators_have_separate_bills() -> None:
    with RunningEmulator(SETTINGS) as first, RunningEmulator(SETTINGS) as second:
        client = HaloClient(first)
        client.send("Patient")
        client.http.close()
        assert first.control("GET", "bill")["queries"] == 1
        assert second.control("GET", "bill")["queries"] == 0


def test_port_is_closed_after_with_block() -> None:
    with RunningEmulator(SETTINGS) as emulator:
        host, _, port = emulator.url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0


def test_emulator_stops_during_hanging_request() -> None:
    with RunningEmulator(SETTINGS) as emulator, socket.socket() as client:
        emulator.control("POST", "faults", {"kind": "hang"})
        host, _, port = emulator.url.removeprefix("http://").partition(":")
        client.connect((host, int(port)))
        client.sendall(f"GET /integrator/sites/{SYDNEY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert not emulator._thread.is_alive()


def test_unused_connection_outlives_that_of_a_gateway() -> None:
    """Else the gateway's next request may meet the end of its connection, which it must not repeat."""
    with RunningEmulator(SETTINGS) as emulator:
        assert emulator._server.config.timeout_keep_alive > Timeouts().idle
