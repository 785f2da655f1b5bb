"""Upgrade offers on raw connections: body, limits and later requests stay as without the offer."""

import json
import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs
from support.sockets import connect, limited_server, read_until_closed, status

from gateway.server.serve import ThreadedServer

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
CLOSE = b"GET /last HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n"


async def echo(request: Request) -> Response:
    body = (await request.body()).decode()
    return JSONResponse({"method": request.method, "url": request.url.path, "body": body})


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedServer]:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", echo, methods=methods)])
    with capture_logs(), ThreadedServer(app) as server:
        yield server


def post(fields: bytes = OFFER, body: bytes = b"name=a", method: bytes = b"POST") -> bytes:
    return b"%s /first HTTP/1.1\r\nHost: gw\r\n%sContent-Length: %d\r\n\r\n%s" % (
        method,
        fields,
        len(body),
        body,
    )


def exchange(server: ThreadedServer, *segments: bytes) -> list[dict[str, str]]:
    """Send segments apart from each other, then a last request; return what the server understood."""
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for segment in (*segments, CLOSE):
            client.sendall(segment)
        return [json.loads(part.rpartition(b"\r\n")[2]) for part in bodies(read_until_closed(client))]


def bodies(received: bytes) -> list[bytes]:
    return [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 200 OK")[1:]]


FIRST = {"method": "POST", "url": "/first", "body": "name=a"}
LAST = {"method": "GET", "url": "/last", "body": ""}


@pytest.mark.parametrize("token", [b"h2c", b"websocket", b"TLS/1.0", b"any, other"])
@pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH", b"DELETE", b"GET"])
def test_request_with_an_offer_keeps_its_body(server: ThreadedServer, token: bytes, method: bytes) -> None:
    offer = b"Connection: Upgrade\r\nUpgrade: " + token + b"\r\n"
    assert exchange(server, post(offer, method=method)) == [FIRST | {"method": method.decode()}, LAST]


@pytest.mark.parametrize("cuts", [(30,), (110,), (150, 160), (20, 90, 170)])
def test_offer_in_several_segments_is_one_request(server: ThreadedServer, cuts: tuple[int, ...]) -> None:
    request = post(body=b"name=a" * 10)
    segments = [request[start:end] for start, end in pairwise((0, *cuts, len(request)))]
    assert exchange(server, *segments) == [FIRST | {"body": "name=a" * 10}, LAST]


def test_body_that_looks_like_a_request_is_a_body(server: ThreadedServer) -> None:
    smuggled = "GET /smuggled HTTP/1.1\r\nHost: gw\r\n\r\n"
    head, _, body = post(body=smuggled.encode()).partition(b"\r\n\r\n")
    assert exchange(server, head + b"\r\n\r\n", body) == [FIRST | {"body": smuggled}, LAST]


def test_chunked_body_behind_an_offer_is_read(server: ThreadedServer) -> None:
    fields = OFFER + b"Transfer-Encoding: chunked\r\n\r\n"
    request = b"POST /first HTTP/1.1\r\nHost: gw\r\n" + fields + b"4\r\nname\r\n2\r\n=a\r\n0\r\n\r\n"
    assert exchange(server, request) == [FIRST, LAST]


def test_each_of_several_offers_is_ignored(server: ThreadedServer) -> None:
    assert exchange(server, post() * 3) == [FIRST, FIRST, FIRST, LAST]


def test_offer_on_a_limited_connection_counts_its_headers() -> None:
    with limited_server(max_headers=2_000) as server, connect(server) as client:
        client.sendall(post(OFFER + b"X-Long: " + b"x" * 2_000 + b"\r\n"))
        assert status(read_until_closed(client)) == 431


def test_offer_on_a_limited_connection_keeps_its_body() -> None:
    with limited_server() as server, connect(server) as client:
        client.sendall(post(OFFER).replace(b"/first", b"/whole") + CLOSE.replace(b"/last", b"/small"))
        assert b"\r\n\r\n6HTTP/1.1 200 OK" in read_until_closed(client)


def test_tunnel_is_refused(server: ThreadedServer) -> None:
    with connect(server) as client:
        client.sendall(b"CONNECT gw:443 HTTP/1.1\r\nHost: gw\r\n\r\n")
        assert status(read_until_closed(client)) == 400
