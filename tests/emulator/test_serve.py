import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from emulator.asking import Halo

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SYDNEY

SMALL = EmulatorSettings(patients=5, documents=0)
PROGRAM = """
from gateway.emulator.serve import serve
from gateway.emulator.settings import EmulatorSettings
serve(EmulatorSettings(), "127.0.0.1", 0)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_says_where_it_listens_and_ends_well_when_told(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        line = program.stdout.readline()
        address = re.fullmatch(r"halo emulator listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert address
        with urllib.request.urlopen(f"{address[1]}/_emulator/sites") as answer:  # noqa: S310 - our own
            assert answer.status == 200
        program.send_signal(number)
        assert program.wait(10) == 0
        assert program.stdout.read() == ""


def test_two_emulators_know_nothing_of_each_other() -> None:
    with RunningEmulator(SMALL) as one, RunningEmulator(SMALL) as other:
        client = Halo(one)
        client.ask("Patient")
        client.http.close()
        assert one.control("GET", "bill")["queries"] == 1
        assert other.control("GET", "bill")["queries"] == 0


def test_it_is_gone_when_the_block_ends() -> None:
    with RunningEmulator(SMALL) as emulator:
        host, _, port = emulator.url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0


def test_it_stops_even_while_a_request_hangs() -> None:
    with RunningEmulator(SMALL) as emulator, socket.socket() as client:
        emulator.control("POST", "faults", {"kind": "hang"})
        host, _, port = emulator.url.removeprefix("http://").partition(":")
        client.connect((host, int(port)))
        client.sendall(f"GET /integrator/sites/{SYDNEY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert not emulator._thread.is_alive()
