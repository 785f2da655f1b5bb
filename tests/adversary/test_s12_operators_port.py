"""S12: strangers' pages and slow clients at the operators' port, over real sockets."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
from conftest import settings_for
from structlog.testing import capture_logs
from support.secrets import SECRET
from support.sockets import MAX_WAIT, read_until_closed, status, timeouts

from gateway.app import create_app
from gateway.server.serve import ThreadedServer
from gateway.settings import Admin, Server

#: What a page of a stranger could read or do in an operator's browser.
PATHS = ("/", "/metrics", "/readyz", "/admin/sites", "/admin/ledger", "/docs/", "/openapi.yaml", "/nothing")


@contextmanager
def operators_port(admin: dict[str, object] | None = None, **limits: object) -> Iterator[int]:
    """Number of the operators' port of a gateway without an upstream."""
    settings = settings_for("http://127.0.0.1:9").model_copy(
        update={
            "admin": Admin.model_validate({"listen": "127.0.0.1:0"} | (admin or {})),
            "server": Server.model_validate(limits),
        }
    )
    with capture_logs() as lines, ThreadedServer(create_app(settings)):
        (url,) = [line["url"] for line in lines if line["event"] == "admin-listening"]
        yield int(urlsplit(url).port or 0)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=MAX_WAIT)


def exchange(port: int, path: str, *fields: str, method: str = "GET") -> bytes:
    with connect(port) as client:
        lines = (f"{method} {path} HTTP/1.1", *fields, "Connection: close", "", "")
        client.sendall("\r\n".join(lines).encode("latin-1"))
        return read_until_closed(client)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with operators_port({"hosts": ["ops.example.com.au"]}) as port:
        yield port


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:9090",
        "127.0.0.1.evil.test",
        "localhost.evil.test",
        "ops.example.com.au.evil.test",
        "evil.test@127.0.0.1",
        "127.1",
        "",
        "ops.example.com.au evil.test",
        "évil.test",
    ],
)
def test_page_whose_name_was_rebound_to_the_port_is_refused(port: int, path: str, host: str) -> None:
    response = exchange(port, path, f"Host: {host}")
    assert status(response) == 421
    assert b"admin.hosts" in response
    assert b"evil" not in response


def test_request_without_or_with_two_hosts_is_refused(port: int) -> None:
    assert status(exchange(port, "/metrics", "Host: 127.0.0.1", "Host: evil.test")) in {400, 421}
    with connect(port) as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert status(read_until_closed(client)) == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "https://evil.test:9090", "null", "http://127.0.0.1.evil.test", "file://"]
)
def test_page_of_another_origin_is_refused(port: int, origin: str) -> None:
    response = exchange(port, "/metrics", "Host: 127.0.0.1", f"Origin: {origin}")
    assert status(response) == 421


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:9090",
        "[::1]:9090",
        "10.0.0.5",
        "localhost",
        "LOCALHOST:1",
        "Ops.Example.COM.au",
    ],
)
def test_operator_reaches_the_port_by_its_names(port: int, host: str) -> None:
    assert status(exchange(port, "/metrics", f"Host: {host}")) == 200
    assert status(exchange(port, "/metrics", f"Host: {host}", f"Origin: http://{host}")) == 200
    assert status(exchange(port, "/admin/sites", f"Host: {host}")) == 200


def test_name_of_the_address_is_valid_without_a_setting() -> None:
    with operators_port({"listen": "localhost:0"}) as port:
        assert status(exchange(port, "/livez", "Host: localhost")) == 200


def test_slow_headers_and_bodies_time_out() -> None:
    with operators_port(**timeouts(headers=0.3, body=0.3, idle=0.3)) as port:
        for sent in (
            b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            b"POST /admin/purge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{",
        ):
            with connect(port) as client:
                client.sendall(sent)
                assert status(read_until_closed(client)) == 408
        with connect(port) as client:
            assert read_until_closed(client) == b""


def test_large_headers_are_refused() -> None:
    with operators_port(max_headers=2_000) as port:
        assert status(exchange(port, "/livez", "Host: 127.0.0.1", f"X-A: {'a' * 3_000}")) == 431
        with connect(port) as client:
            client.sendall(b"GET /livez HTTP/1.1\r\nX-A: " + b"a" * 3_000)
            assert status(read_until_closed(client)) == 431


def test_large_body_is_refused_before_it_is_read(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"POST /admin/purge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n")
        client.sendall(b"x" * 20_000)
        assert status(client.recv(65_536)) == 413


def test_number_of_connections_is_limited() -> None:
    with operators_port(max_connections=2) as port, ExitStack() as connections:
        for _ in range(2):
            connections.enter_context(connect(port))
        time.sleep(0.2)
        assert status(exchange(port, "/admin/sites", "Host: 127.0.0.1")) == 503
        assert status(exchange(port, "/livez", "Host: 127.0.0.1")) == 200


def test_wrong_token_is_401_with_the_scheme() -> None:
    with operators_port({"token": SECRET}) as port:
        for token in ("", SECRET[:-1], f"{SECRET}x", "é"):
            response = exchange(port, "/admin/sites", "Host: 127.0.0.1", f"Authorization: Bearer {token}")
            assert status(response) == 401
            assert b'www-authenticate: Bearer realm="admin"' in response
        assert (
            status(exchange(port, "/admin/sites", "Host: 127.0.0.1", f"Authorization: Bearer {SECRET}"))
            == 200
        )
