"""Fast path over real sockets, with a gateway whose routes can be removed."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache

BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
FHIR = {"content-type": "application/fhir+json"}


@dataclass
class Gateway:
    app: Starlette
    url: str
    pair: Pair

    def get(self, path: str = "Patient/1", **headers: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(f"{self.url}{BASE}/{path}", headers=KEY | fields, timeout=30, trust_env=False)

    def warm(self, path: str = "Patient/1", **headers: str) -> httpx.Response:
        """Send a request twice: the second response is a hit and is prepared for the fast path."""
        self.get(path, **headers)
        return self.get(path, **headers)

    def remove_routes(self) -> None:
        """Leave only the fast path."""
        self.app.router.routes.clear()

    def connect(self) -> socket.socket:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return socket.create_connection((host, int(port)), 30)

    def send_raw(self, *requests: str) -> bytes:
        """Send requests on one connection, and read until the server closes it."""
        with self.connect() as connection:
            connection.sendall("".join(requests).encode())
            chunks = list(iter(lambda: connection.recv(65_536), b""))
        return b"".join(chunks)


@pytest.fixture
def gateway(pair: Pair) -> Iterator[Gateway]:
    app = create_app(settings_for(pair.emulator.url).model_copy(update={"cache": Cache()}))
    with ThreadedServer(app) as server:
        yield Gateway(app, server.url, pair)


def raw_get(path: str = "Patient/1", **headers: str) -> str:
    fields = {"host": "gw.example", "ocp-apim-subscription-key": "demo-key"} | headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"GET {BASE}/{path} HTTP/1.1\r\n{lines}\r\n"


def read_response_head(connection: socket.socket) -> bytes:
    """Read one response by its Content-Length, and return its headers."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += read_chunk(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    while len(body) < int(length.split()[1]):
        body += read_chunk(connection)
    return head


def read_chunk(connection: socket.socket) -> bytes:
    chunk = connection.recv(65_536)
    assert chunk, "the server closed the connection"
    return chunk


def test_fast_path_response_equals_application_response(gateway: Gateway) -> None:
    slow = gateway.warm()
    gateway.remove_routes()
    fast = gateway.get(x_request_id="r-7")
    per_request = {"age", "cache-status", "date", "x-request-id"}
    assert fast.content == slow.content
    assert {name: fast.headers[name] for name in fast.headers if name not in per_request} == {
        name: slow.headers[name] for name in slow.headers if name not in per_request
    }
    assert set(fast.headers) == set(slow.headers)
    assert fast.headers["cache-status"].startswith("halo-gateway; hit; ttl=")
    assert fast.headers["x-request-id"] == "r-7"
    assert gateway.get("Patient/2").status_code == 404


def test_write_invalidates_prepared_response(gateway: Gateway) -> None:
    patient = gateway.warm().json() | {"birthDate": "1951-02-03"}
    response = httpx.put(
        f"{gateway.url}{BASE}/Patient/1", content=json.dumps(patient), headers=KEY | FHIR, trust_env=False
    )
    assert response.status_code == 200
    assert gateway.get().json()["birthDate"] == "1951-02-03"


def test_gzip_response_contains_same_resources(gateway: Gateway) -> None:
    search = "Patient?_count=20"
    entries = gateway.warm(search, accept_encoding="identity").json()["entry"]
    responses = [gateway.get(search, accept_encoding="gzip") for _ in range(200)]
    assert [response for response in responses if response.headers.get("content-encoding") == "gzip"]
    assert all(response.json()["entry"] == entries for response in responses)


def test_pipelined_responses_are_in_order(gateway: Gateway) -> None:
    gateway.send_raw(raw_get(), raw_get(connection="close"))
    received = gateway.send_raw(
        raw_get("Patient/3", x_request_id="one"),
        raw_get(x_request_id="two"),
        raw_get("Patient/4", x_request_id="three"),
        raw_get(x_request_id="four"),
        raw_get("Patient/5", x_request_id="five", connection="close"),
    )
    lines = received.split(b"\r\n")
    request_ids = [line.split()[1].decode() for line in lines if line.lower().startswith(b"x-request-id")]
    assert request_ids == ["one", "two", "three", "four", "five"]
    assert received.count(b"HTTP/1.1 200 ") == 5


def test_request_after_hits_reaches_application(gateway: Gateway) -> None:
    gateway.send_raw(raw_get(), raw_get(connection="close"))
    gateway.remove_routes()
    received = gateway.send_raw(raw_get(), raw_get(), raw_get(), raw_get("Patient/9", connection="close"))
    statuses = [response[:3] for response in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"200", b"404"]


def test_headers_of_hits_are_not_added_up(gateway: Gateway) -> None:
    gateway.send_raw(raw_get(), raw_get(connection="close"))
    gateway.remove_routes()
    request = raw_get(x_request_id="x" * 128).encode()
    with gateway.connect() as connection:
        for _ in range(2 * 64_000 // len(request)):
            connection.sendall(request)
            assert read_response_head(connection).startswith(b"HTTP/1.1 200 ")


def test_connection_close_request_reaches_application(gateway: Gateway) -> None:
    gateway.send_raw(raw_get(), raw_get(connection="close"))
    received = gateway.send_raw(raw_get(connection="close"))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in received


def test_slow_reader_gets_all_responses(gateway: Gateway) -> None:
    search = "Patient?_count=30"
    gateway.send_raw(raw_get(search), raw_get(search, connection="close"))
    received = gateway.send_raw(*[raw_get(search)] * 400, raw_get(search, connection="close"))
    assert received.count(b"HTTP/1.1 200 ") == 401


def test_hits_are_counted(gateway: Gateway) -> None:
    gateway.warm()
    for _ in range(5):
        gateway.get()
    lines = httpx.get(f"{gateway.url}/metrics", trust_env=False).text.splitlines()
    sample = next(line for line in lines if 'cost="avoided:hit"' in line and "_total" in line)
    assert float(sample.rpartition(" ")[2]) == 6
