"""Connections of a server that ends: announced ends, pipelined requests, idle connections."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from time import monotonic
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs
from support.sockets import connect, read_until, read_until_closed, until
from support.stopwatch import Stopwatch

from gateway.server.connection import limited_connection_class
from gateway.server.serve import ThreadedServer
from gateway.settings import Server

#: Path, received by the server.
received: list[str] = []
go_on = Event()


async def respond(request: Request) -> Response:
    received.append(request.url.path)
    if request.url.path.startswith("/slow"):
        await asyncio.to_thread(go_on.wait, 20)
    status = request.path_params.get("status", 200)
    return Response(b"" if status in {204, 304} else b"body", status)


async def stream(_: Request) -> Response:
    async def body() -> Any:
        yield b"beginning"
        await asyncio.to_thread(go_on.wait, 20)
        yield b"end"

    return StreamingResponse(body(), headers={"content-length": "12"})


METHODS = ["GET", "HEAD", "POST"]
APP = Starlette(
    routes=[
        Route("/status/{status:int}", respond, methods=METHODS),
        Route("/stream", stream),
        Route("/{path:path}", respond, methods=METHODS),
    ]
)


@pytest.fixture(autouse=True)
def nothing_received() -> Iterator[None]:
    received.clear()
    go_on.clear()
    yield
    go_on.set()


@contextmanager
def draining_server(delay: int = 60) -> Iterator[ThreadedServer]:
    """A server whose delay is that long; half of it, or all but its last five seconds, is as before."""
    APP.state.drain_delay = delay
    with capture_logs(), ThreadedServer(APP, http=limited_connection_class(Server())) as server:
        yield server


def request(path: str, method: str = "GET", fields: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: gw\r\n{fields}\r\n".encode()


def terminate(server: ThreadedServer) -> None:
    server.handle_exit(signal.SIGTERM, None)


def read_head(client: socket.socket) -> bytes:
    """Read a response without a body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        chunk = client.recv(1)
        assert chunk, head
        head += chunk
    return head


def end_answers(server: ThreadedServer) -> None:
    """Come to the last part of the delay."""
    terminate(server)
    until(lambda: server.server_state.has_last_answers)


def is_refused(server: ThreadedServer) -> bool:
    host, _, port = server.url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_connection_stays_open_in_the_first_part() -> None:
    with draining_server(delay=60) as server, connect(server) as client:
        terminate(server)
        for _ in range(3):
            client.sendall(request("/"))
            assert read_until(client, b"body") == 200
        with connect(server) as other:
            other.sendall(request("/"))
            assert read_until(other, b"body") == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/", b"body"),
        ("HEAD", "/", b""),
        ("GET", "/status/204", b""),
        ("GET", "/status/304", b""),
        ("POST", "/status/404", b"body"),
    ],
)
def test_answer_in_the_last_part_ends_the_connection(method: str, path: str, body: bytes) -> None:
    with draining_server(delay=10) as server, connect(server) as kept:
        kept.sendall(request("/"))
        read_until(kept, b"body")
        server._schedule.delay = 4.0
        end_answers(server)
        for client in (kept, connect(server)):
            with client:
                client.sendall(request(path, method, "Content-Length: 0\r\n" if method == "POST" else ""))
                head, _, rest = read_until_closed(client).partition(b"\r\n\r\n")
                assert head.lower().split(b"\r\n").count(b"connection: close") == 1
                assert rest == body


def test_pipelined_requests_are_all_answered_and_the_last_ends() -> None:
    with draining_server(delay=0) as server, connect(server) as client:
        client.sendall(request("/slow") + b"".join(request(f"/{number}") for number in range(200)))
        until(lambda: received)
        terminate(server)
        until(lambda: server.server_state.has_last_answers)
        go_on.set()
        answers = read_until_closed(client)
    assert answers.count(b"HTTP/1.1 200 ") == 201
    assert answers.lower().count(b"connection: close") == 1
    assert answers.lower().index(b"connection: close") > answers.rindex(b"HTTP/1.1 200 ")
    assert received == ["/slow", *(f"/{number}" for number in range(200))]


def test_request_behind_an_announced_end_is_answered() -> None:
    with draining_server(delay=0) as server, connect(server) as client:
        client.sendall(request("/slow"))
        until(lambda: received)
        terminate(server)
        until(lambda: server.server_state.has_last_answers)
        client.sendall(request("/next"))
        until(lambda: any(len(each.pipeline) for each in server.server_state.connections))
        go_on.set()
        answers = read_until_closed(client)
    assert answers.lower().count(b"connection: close") == 1
    assert received == ["/slow", "/next"]


def test_end_that_the_client_asked_for_stays_the_end() -> None:
    with draining_server(delay=0) as server, connect(server) as client:
        client.sendall(request("/slow", fields="Connection: close\r\n"))
        until(lambda: received)
        terminate(server)
        client.sendall(request("/never"))
        go_on.set()
        assert read_until_closed(client).count(b"HTTP/1.1 200 ") == 1
    assert "/never" not in received


def test_idle_connection_has_one_more_request_after_refusals_began() -> None:
    with draining_server(delay=0) as server, connect(server) as idle:
        idle.sendall(request("/"))
        read_until(idle, b"body")
        terminate(server)
        until(lambda: is_refused(server))
        idle.sendall(request("/", "POST", "Content-Length: 0\r\n"))
        answer = read_until_closed(idle)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer


def test_idle_connections_stay_open_while_others_have_requests() -> None:
    with draining_server(delay=0) as server, ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(4)]
        for client in clients:
            client.sendall(request("/"))
            read_until(client, b"body")
        begun_at = monotonic()
        terminate(server)
        for client in clients:
            Event().wait(0.7)
            client.sendall(request("/"))
            assert b"connection: close" in read_until_closed(client)
        assert monotonic() - begun_at > 2.5


def test_idle_connection_is_closed_after_a_quiet_second() -> None:
    with draining_server(delay=0) as server, connect(server) as idle, connect(server) as new:
        idle.sendall(request("/"))
        read_until(idle, b"body")
        begun_at = monotonic()
        terminate(server)
        assert read_until_closed(idle) == read_until_closed(new) == b""
        assert 1.0 <= monotonic() - begun_at < 5


def test_half_a_request_is_awaited() -> None:
    with draining_server(delay=0) as server, connect(server) as client:
        whole = request("/late")
        client.sendall(whole[:20])
        until(lambda: any(each._header_bytes for each in server.server_state.connections))
        terminate(server)
        Event().wait(1.6)
        client.sendall(whole[20:])
        assert read_until_closed(client).startswith(b"HTTP/1.1 200 ")


def test_begun_answer_without_announcement_is_followed_by_one_more() -> None:
    with draining_server(delay=0) as server, connect(server) as client:
        client.sendall(request("/stream"))
        read_until(client, b"beginning")
        terminate(server)
        until(lambda: is_refused(server))
        go_on.set()
        read = b""
        while not read.endswith(b"end"):
            read += client.recv(100)
        client.sendall(request("/"))
        assert b"connection: close" in read_until_closed(client)


def test_end_without_delay_closes_idle_connections_at_once() -> None:
    with draining_server(delay=60) as server, connect(server) as idle:
        idle.sendall(request("/"))
        read_until(idle, b"body")
        with Stopwatch() as wait:
            server.handle_exit(signal.SIGINT, None)
            assert read_until_closed(idle) == b""
        assert wait.seconds < 0.9
