"""Clients and practices that overload the gateway do not block other requests."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import KEY, Pair
from end_to_end.failing_gateway import BASE, checked_issue, error_code, failing_settings
from support.sockets import until

from gateway.app import create_app
from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY
from gateway.server.connection import limited_connection_class
from gateway.server.serve import ThreadedServer

LARGE = b'{"resourceType":"Binary","id":"1","data":"' + b"A" * 12_000_000 + b'"}'


@pytest.fixture
def small_gateway(pair: Pair) -> Iterator[ThreadedServer]:
    """A gateway with one upstream connection and three client connections."""
    upstream = {"url": pair.emulator.url, "max_connections": 1, "timeouts": {"read": 5}}
    settings = failing_settings(pair.emulator.url, upstream=upstream, server={"max_connections": 3})
    server = ThreadedServer(create_app(settings), http=limited_connection_class(settings.server)).__enter__()
    yield server
    server.should_exit = True


def send_without_reading(url: str, path: str, base: str = BASE) -> socket.socket:
    """Send a request on a socket that is not read."""
    parts = urlsplit(url)
    client = socket.socket()
    client.settimeout(20)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect((parts.hostname, parts.port))
    credentials = "".join(f"{name}: {value}\r\n" for name, value in KEY.items())
    client.sendall(f"GET {base}/{path} HTTP/1.1\r\nHost: gw\r\n{credentials}\r\n".encode())
    return client


def test_client_that_does_not_read_blocks_no_upstream_connection(
    pair: Pair, small_gateway: ThreadedServer
) -> None:
    pair.fault(kind="answer", status=200, body=LARGE.decode(), path="Binary/1")
    with send_without_reading(small_gateway.url, "Binary/1") as client:
        assert client.recv(9) == b"HTTP/1.1 "
        response = httpx.get(f"{small_gateway.url}{BASE}/Patient/1", headers=KEY, timeout=20, trust_env=False)
        assert response.status_code == 200
        assert len(pair.sent()) == 2
        received = 9
        while received < len(LARGE):
            received += len(client.recv(1_000_000))


def test_surplus_client_gets_503_with_retry_after(pair: Pair, small_gateway: ThreadedServer) -> None:
    pair.fault(kind="hang")
    with ExitStack() as clients:
        for _ in range(3):
            clients.enter_context(send_without_reading(small_gateway.url, "Patient/1"))
        rejected = httpx.get(f"{small_gateway.url}{BASE}/Patient/1", headers=KEY, timeout=20, trust_env=False)
        assert error_code(checked_issue(rejected, 503)) == "overloaded"
        live_response = httpx.get(f"{small_gateway.url}/livez", timeout=20, trust_env=False)
        assert live_response.status_code == 200


def test_hanging_practices_leave_upstream_connections_for_others(pair: Pair) -> None:
    # One caller has half: six upstream connections, and two practices with up to four concurrent requests.
    upstream = {"url": pair.emulator.url, "max_connections": 12, "timeouts": {"read": 20}}
    settings = failing_settings(pair.emulator.url, upstream=upstream, bulkhead={"max_concurrent": 8})
    server = ThreadedServer(create_app(settings), http=limited_connection_class(settings.server)).__enter__()
    for guid in (SYDNEY, PERTH):
        pair.fault(kind="hang", site=guid, path="/Patient/")
    with ExitStack() as clients:
        for guid in (SYDNEY, PERTH):
            for number in range(1, 6):
                base = BASE.replace(SYDNEY, guid)
                clients.enter_context(send_without_reading(server.url, f"Patient/{number}", base))
        until(lambda: sum("/Patient/" in str(request["path"]) for request in pair.sent()) == 5)
        base = BASE.replace(SYDNEY, BRISBANE)
        response = httpx.get(f"{server.url}{base}/Patient/1", headers=KEY, timeout=15, trust_env=False)
    server.should_exit = True
    assert response.status_code == 200
