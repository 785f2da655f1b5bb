"""The protocol over real sockets, in front of a gateway whose routes can be taken away."""

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
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(f"{self.url}{BASE}/{path}", headers=KEY | named, timeout=30, trust_env=False)

    def warm(self, path: str = "Patient/1", **headers: str) -> httpx.Response:
        """Ask twice: the second answer is the cache's, and kept."""
        self.get(path, **headers)
        return self.get(path, **headers)

    def close_routes(self) -> None:
        """From now on only hits are answered."""
        self.app.router.routes.clear()

    def written(self, *requests: str) -> bytes:
        """What comes back for raw bytes on one connection that stays open until the server ends it."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 30) as connection:
            connection.sendall("".join(requests).encode())
            parts = list(iter(lambda: connection.recv(65_536), b""))
        return b"".join(parts)


@pytest.fixture
def gateway(pair: Pair) -> Iterator[Gateway]:
    app = create_app(settings_for(pair.emulator.url).model_copy(update={"cache": Cache()}))
    with ThreadedServer(app) as running:
        yield Gateway(app, running.url, pair)


def head(path: str = "Patient/1", **headers: str) -> str:
    fields = {"host": "gw.example", "ocp-apim-subscription-key": "demo-key"} | headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"GET {BASE}/{path} HTTP/1.1\r\n{lines}\r\n"


def test_a_hit_needs_no_route_and_says_what_the_long_way_says(gateway: Gateway) -> None:
    long = gateway.warm()
    gateway.close_routes()
    short = gateway.get(x_request_id="r-7")
    own = {"age", "cache-status", "date", "x-request-id"}
    assert short.content == long.content
    assert {name: short.headers[name] for name in short.headers if name not in own} == {
        name: long.headers[name] for name in long.headers if name not in own
    }
    assert set(short.headers) == set(long.headers)
    assert short.headers["cache-status"].startswith("halo-gateway; hit; ttl=")
    assert short.headers["x-request-id"] == "r-7"
    assert gateway.get("Patient/2").status_code == 404


def test_a_write_is_seen_at_once(gateway: Gateway) -> None:
    before = gateway.warm().json()
    changed = before | {"birthDate": "1951-02-03"}
    written = httpx.put(
        f"{gateway.url}{BASE}/Patient/1", content=json.dumps(changed), headers=KEY | FHIR, trust_env=False
    )
    assert written.status_code == 200
    assert gateway.get().json()["birthDate"] == "1951-02-03"


def test_gzip_arrives_as_the_same_resource(gateway: Gateway) -> None:
    search = "Patient?_count=20"
    plain = gateway.warm(search, accept_encoding="identity").json()["entry"]
    found = [gateway.get(search, accept_encoding="gzip") for _ in range(200)]
    zipped = [each for each in found if each.headers.get("content-encoding") == "gzip"]
    assert zipped
    assert all(each.json()["entry"] == plain for each in found)


def test_answers_keep_the_order_of_pipelined_requests(gateway: Gateway) -> None:
    gateway.written(head(), head(connection="close"))
    got = gateway.written(
        head("Patient/3", x_request_id="one"),
        head(x_request_id="two"),
        head("Patient/4", x_request_id="three"),
        head(x_request_id="four"),
        head("Patient/5", x_request_id="five", connection="close"),
    )
    names = [
        line.split()[1].decode() for line in got.split(b"\r\n") if line.lower().startswith(b"x-request-id")
    ]
    assert names == ["one", "two", "three", "four", "five"]
    assert got.count(b"HTTP/1.1 200 ") == 5


def test_hits_on_one_connection_leave_it_in_order(gateway: Gateway) -> None:
    gateway.written(head(), head(connection="close"))
    gateway.close_routes()
    got = gateway.written(head(), head(), head(), head("Patient/9", connection="close"))
    assert [each[:3] for each in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"200", b"404"]


def test_the_heads_of_many_hits_are_not_added_up(gateway: Gateway) -> None:
    gateway.written(head(), head(connection="close"))
    gateway.close_routes()
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    asked = head(x_request_id="x" * 128).encode()
    with socket.create_connection((host, int(port)), 30) as connection:
        for _ in range(2 * 64_000 // len(asked)):
            connection.sendall(asked)
            assert whole(connection).startswith(b"HTTP/1.1 200 ")


def whole(connection: socket.socket) -> bytes:
    """One answer, by its Content-Length."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += received(connection)
    start, _, body = got.partition(b"\r\n\r\n")
    length = next(line for line in start.split(b"\r\n") if line.lower().startswith(b"content-length"))
    while len(body) < int(length.split()[1]):
        body += received(connection)
    return start


def received(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    assert piece, "the server closed the connection"
    return piece


def test_a_connection_that_ends_with_a_request_takes_the_long_way(gateway: Gateway) -> None:
    gateway.written(head(), head(connection="close"))
    got = gateway.written(head(connection="close"))
    assert got.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in got


def test_a_client_that_reads_slowly_gets_all_it_asked_for(gateway: Gateway) -> None:
    search = "Patient?_count=30"
    gateway.written(head(search), head(search, connection="close"))
    got = gateway.written(*[head(search)] * 400, head(search, connection="close"))
    assert got.count(b"HTTP/1.1 200 ") == 401


def test_hits_are_counted(gateway: Gateway) -> None:
    gateway.warm()
    for _ in range(5):
        gateway.get()
    figures = httpx.get(f"{gateway.url}/metrics", trust_env=False).text
    line = next(each for each in figures.splitlines() if 'cost="avoided:hit"' in each and "_total" in each)
    assert float(line.rpartition(" ")[2]) == 6
