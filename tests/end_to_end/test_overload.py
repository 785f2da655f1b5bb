"""Clients that overload the gateway: nobody else, and no upstream connection, has to wait for them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import KEY, Pair
from end_to_end.failing import BASE, code, failing_settings, outcome
from support.sockets import until

from gateway.app import create_app
from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY
from gateway.server.connection import limited_connection_class
from gateway.server.serve import ThreadedServer

LARGE = b'{"resourceType":"Binary","id":"1","data":"' + b"A" * 12_000_000 + b'"}'


@pytest.fixture
def narrow(pair: Pair) -> Iterator[ThreadedServer]:
    """A gateway with one connection upstream, and room for three clients."""
    upstream = {"url": pair.emulator.url, "max_connections": 1, "timeouts": {"read": 5}}
    settings = failing_settings(pair.emulator.url, upstream=upstream, server={"max_connections": 3})
    running = ThreadedServer(create_app(settings), http=limited_connection_class(settings.server)).__enter__()
    yield running
    running.should_exit = True


def asked(url: str, path: str, base: str = BASE) -> socket.socket:
    """A client that has asked and does not read."""
    place = urlsplit(url)
    client = socket.socket()
    client.settimeout(20)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect((place.hostname, place.port))
    credentials = "".join(f"{name}: {value}\r\n" for name, value in KEY.items())
    client.sendall(f"GET {base}/{path} HTTP/1.1\r\nHost: gw\r\n{credentials}\r\n".encode())
    return client


def test_a_client_that_does_not_read_holds_no_upstream_connection(pair: Pair, narrow: ThreadedServer) -> None:
    pair.fault(kind="answer", status=200, body=LARGE.decode(), path="Binary/1")
    with asked(narrow.url, "Binary/1") as client:
        assert client.recv(9) == b"HTTP/1.1 "
        found = httpx.get(f"{narrow.url}{BASE}/Patient/1", headers=KEY, timeout=20, trust_env=False)
        assert found.status_code == 200
        assert len(pair.sent()) == 2
        read = 9
        while read < len(LARGE):
            read += len(client.recv(1_000_000))


def test_surplus_clients_get_503_with_retry_after(pair: Pair, narrow: ThreadedServer) -> None:
    pair.fault(kind="hang")
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(asked(narrow.url, "Patient/1"))
        refused = httpx.get(f"{narrow.url}{BASE}/Patient/1", headers=KEY, timeout=20, trust_env=False)
        assert code(outcome(refused, 503)) == "overloaded"
        alive = httpx.get(f"{narrow.url}/livez", timeout=20, trust_env=False)
        assert alive.status_code == 200


def test_practices_that_hang_leave_a_connection_to_the_next(pair: Pair) -> None:
    """Six connections upstream, and two practices that would take four each."""
    upstream = {"url": pair.emulator.url, "max_connections": 6, "timeouts": {"read": 20}}
    settings = failing_settings(pair.emulator.url, upstream=upstream, bulkhead={"max_concurrent": 4})
    running = ThreadedServer(create_app(settings), http=limited_connection_class(settings.server)).__enter__()
    for guid in (SYDNEY, PERTH):
        pair.fault(kind="hang", site=guid, path="/Patient/")
    with ExitStack() as held:
        for guid in (SYDNEY, PERTH):
            for number in range(1, 6):
                base = BASE.replace(SYDNEY, guid)
                held.enter_context(asked(running.url, f"Patient/{number}", base))
        until(lambda: sum("/Patient/" in str(each["path"]) for each in pair.sent()) == 5)
        base = BASE.replace(SYDNEY, BRISBANE)
        found = httpx.get(f"{running.url}{base}/Patient/1", headers=KEY, timeout=15, trust_env=False)
    running.should_exit = True
    assert found.status_code == 200
