"""Server that ends: what it calls, accepts and cuts off; test_ending_connection.py has its connections."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs
from support.sockets import connect, read_until_closed, until

from gateway.server.connection import limited_connection_class
from gateway.server.serve import ThreadedServer
from gateway.settings import Server

GET = b"GET / HTTP/1.1\r\nHost: gw\r\n\r\n"
calls: list[str] = []
started = Event()


async def respond(request: Request) -> Response:
    del request
    return PlainTextResponse("ok")


async def wait(request: Request) -> Response:
    del request
    started.set()
    try:
        await asyncio.sleep(20)
    except asyncio.CancelledError:
        return PlainTextResponse("cut off", 503)
    return PlainTextResponse("late")


APP = Starlette(routes=[Route("/", respond), Route("/wait", wait)])
APP.state.begin_shutdown = lambda: calls.append("begin")
APP.state.end_waits = lambda: calls.append("end waits")
APP.state.drain_seconds = 15


@pytest.fixture
def server() -> Iterator[ThreadedServer]:
    calls.clear()
    started.clear()
    APP.state.drain_delay = 1
    with capture_logs(), ThreadedServer(APP, http=limited_connection_class(Server())) as server:
        yield server


def test_delay_lies_between_the_signal_and_the_end(server: ThreadedServer) -> None:
    begun_at = monotonic()
    server.handle_exit(signal.SIGTERM, None)
    assert calls == ["begin"]
    until(lambda: len(calls) > 1)
    assert calls == ["begin", "end waits"]
    assert 1.0 <= monotonic() - begun_at < 4


def test_terminal_skips_the_delay(server: ThreadedServer) -> None:
    server._schedule.delay = 60
    server.handle_exit(signal.SIGINT, None)
    until(lambda: len(calls) > 1)
    assert calls == ["begin", "end waits"]


def test_second_signal_cuts_requests_off(server: ThreadedServer) -> None:
    with connect(server) as client:
        client.sendall(GET.replace(b"/ ", b"/wait "))
        started.wait(20)
        server.handle_exit(signal.SIGTERM, None)
        Event().wait(1.2)
        begun_at = monotonic()
        server.handle_exit(signal.SIGTERM, None)
        assert read_until_closed(client).endswith(b"cut off")
        assert monotonic() - begun_at < 3


def test_no_connection_that_was_opened_is_lost(server: ThreadedServer) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(answers_until_refused, host, int(port)) for _ in range(4)]
        server.handle_exit(signal.SIGTERM, None)
        answers = [answer for client in clients for answer in client.result()]
    assert len(answers) > 100
    assert {answer[:13] for answer in answers} == {b"HTTP/1.1 200 "}


def answers_until_refused(host: str, port: int) -> list[bytes]:
    """Answers to one request on each of many connections, one after the other."""
    answers = []
    while True:
        try:
            client = socket.create_connection((host, port), 20)
        except ConnectionRefusedError:
            return answers
        with client:
            client.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            answers.append(read_until_closed(client))
