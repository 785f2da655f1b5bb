"""What nginx of deploy/compose refuses itself: an OperationOutcome for each, no harm to other clients."""

import json
import shutil
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from support.nginx_kit import Nginx
from support.raw_gateways import nginx_and_raw_gateways, outcome_code, send

CANARY = "Zzyzx"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_body_beyond_all_limits_gets_outcome(tmp_path: Path, method: str) -> None:
    with nginx_and_raw_gateways(tmp_path, True, True) as (nginx, gateways):
        response = send(nginx, method, content=bytes(25 * 1024 * 1024))
    assert (response.status_code, outcome_code(response)) == (413, "body-too-large")
    assert not any(gateway.received for gateway in gateways)


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (f"GET / HTTP/1.1\r\nX-Large: {'x' * 70_000}", 431, "headers-too-large"),
        (f"GET /{'x' * 70_000} HTTP/1.1", 414, "uri-too-long"),
        ("TRACE / HTTP/1.1", 405, "method-not-allowed"),
        ("GET / HTTP/1.1\r\nHost: b", 400, "bad-request"),
        (f"GET /{CANARY} HTTP/9.9", 505, "bad-request"),
        (f"{CANARY}", 400, "bad-request"),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", 400, "bad-request"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip", 501, "bad-request"),
    ],
)
def test_request_that_nginx_refuses_gets_outcome(tmp_path: Path, head: str, status: int, code: str) -> None:
    with nginx_and_raw_gateways(tmp_path, True, True) as (nginx, gateways):
        request = f"{head}\r\nHost: a\r\nConnection: close\r\n\r\n"
        with connect(nginx) as connection, suppress(ConnectionError):
            connection.sendall(request.encode())
            received = connection.recv(65_536).partition(b"\r\n\r\n")
    assert received[0].startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: application/fhir+json; charset=utf-8" in received[0]
    assert json.loads(received[2])["issue"][0]["details"]["coding"][0]["code"] == code
    assert not any(gateway.received for gateway in gateways)
    assert CANARY.encode() not in received[2]


def connect(nginx: Nginx, address: str = "127.0.0.1") -> socket.socket:
    """Connect from an address of this machine."""
    return socket.create_connection(("127.0.0.1", nginx.port), timeout=20, source_address=(address, 0))


def begin_large_body(nginx: Nginx, address: str, framing: str) -> socket.socket:
    """Begin a change whose body never ends."""
    connection = connect(nginx, address)
    connection.sendall(f"POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode())
    return connection


def hold_large_bodies(nginx: Nginx, stack: ExitStack, addresses: list[str], framing: str) -> None:
    """Begin bodies that nginx waits for until the stack ends, and which it has counted.

    Without `100 Continue`, another worker process of nginx may count a later connection first.
    """
    for address in addresses:
        connection = begin_large_body(nginx, address, f"{framing}\r\nExpect: 100-continue")
        stack.enter_context(connection)
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("framing", ["Content-Length: 24000000", "Transfer-Encoding: chunked"])
def test_bodies_of_one_client_leave_room_for_others(tmp_path: Path, framing: str) -> None:
    with nginx_and_raw_gateways(tmp_path, True, True) as (nginx, _), ExitStack() as stack:
        hold_large_bodies(nginx, stack, ["127.0.0.2"] * 5, framing)
        refused = stack.enter_context(begin_large_body(nginx, "127.0.0.2", framing)).recv(65_536)
        assert b" 503 " in refused.splitlines()[0]
        assert b'"overloaded"' in refused
        assert b"Retry-After: 5" in refused
        for request in (b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nContent-Length: 0\r\n"):
            with connect(nginx, "127.0.0.2") as small:
                small.sendall(request + b"Host: a\r\n\r\n")
                assert b" 204 " in small.recv(65_536).splitlines()[0]
        assert send(nginx, "PUT", content=bytes(2_000_000)).status_code == httpx.codes.NO_CONTENT


def test_waiting_bodies_of_all_clients_are_bounded(tmp_path: Path) -> None:
    with nginx_and_raw_gateways(tmp_path, True, True) as (nginx, _), ExitStack() as stack:
        addresses = [f"127.0.0.{2 + number // 5}" for number in range(20)]
        hold_large_bodies(nginx, stack, addresses, "Content-Length: 24000000")
        response = send(nginx, "PUT", content=bytes(2_000_000))
    assert (response.status_code, outcome_code(response)) == (503, "overloaded")


def test_body_that_nginx_cannot_store_gets_outcome(tmp_path: Path) -> None:
    with nginx_and_raw_gateways(tmp_path, True, True) as (nginx, gateways):
        shutil.rmtree(tmp_path / "client_body")
        responses = [send(nginx, method, content=bytes(2_000_000)) for method in ("POST", "PUT")]
        assert not any(gateway.received for gateway in gateways)
    assert {(each.status_code, outcome_code(each)) for each in responses} == {(503, "gateway-shutdown")}
