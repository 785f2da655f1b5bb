"""Server with limits, and clients on raw sockets that may be slow."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from gateway.server.connection import limited_connection_class
from gateway.server.serve import ThreadedServer
from gateway.settings import Server

#: Seconds after which a test counts as hung.
MAX_WAIT = 20
GET = b"GET /small HTTP/1.1\r\nHost: gw\r\n"
LARGE_BODY = b"x" * 16_000_000
client_disconnected = threading.Event()


async def respond_small(request: Request) -> Response:
    del request
    return PlainTextResponse("ok")


async def respond_after_body(request: Request) -> Response:
    try:
        return PlainTextResponse(str(len(await request.body())))
    except ClientDisconnect:
        client_disconnected.set()
        raise


async def respond_before_body(request: Request) -> Response:
    del request
    return PlainTextResponse("no")


async def respond_with_key(request: Request) -> Response:
    return PlainTextResponse(repr(request.headers["key"]))


async def respond_slowly(request: Request) -> Response:
    del request
    await asyncio.sleep(1)
    return PlainTextResponse("at last")


async def respond_large(request: Request) -> Response:
    del request
    return Response(LARGE_BODY)


ROUTES = [
    Route("/small", respond_small),
    Route("/livez", respond_small),
    Route("/key", respond_with_key),
    Route("/whole", respond_after_body, methods=["POST"]),
    Route("/early", respond_before_body, methods=["POST"]),
    Route("/slow", respond_slowly),
    Route("/large", respond_large),
]


@contextmanager
def limited_server(**limits: Any) -> Iterator[ThreadedServer]:
    """A server with these limits; times in seconds."""
    with (
        capture_logs(),
        ThreadedServer(Starlette(routes=ROUTES), http=limited_connection_class(Server(**limits))) as server,
    ):
        yield server


def timeouts(**seconds: float) -> dict[str, Any]:
    return {"timeouts": {"headers": 30, "body": 30, "write": 30, "idle": 30} | seconds}


def connect(server: ThreadedServer, receive_buffer: int = 0) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    client = socket.socket()
    client.settimeout(MAX_WAIT)
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect((host, int(port)))
    return client


def read_until(client: socket.socket, end: bytes) -> int:
    """Read a response up to its end, and return its status."""
    received = bytearray()
    while not received.endswith(end):
        chunk = client.recv(65_536)
        assert chunk, received
        received += chunk
    return status(received)


def read_until_closed(client: socket.socket) -> bytes:
    received = bytearray()
    try:
        while chunk := client.recv(65_536):
            received += chunk
    except ConnectionResetError:
        received += b"(reset)"
    return bytes(received)


def status(response: bytes | bytearray) -> int:
    return int(response[9:12] or 0)


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true."""
    deadline, pause = monotonic() + MAX_WAIT, threading.Event()
    while not condition():
        assert monotonic() < deadline
        pause.wait(0.02)
