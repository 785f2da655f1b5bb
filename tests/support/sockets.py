"""A server of small things within limits, and clients on raw sockets that are as slow as they like."""

import asyncio
import socket
import threading
from collections.abc import Iterator
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

#: What a test may take before it counts as hung.
PATIENCE = 20
GET = b"GET /small HTTP/1.1\r\nHost: gw\r\n"
BIG = b"x" * 16_000_000
gone = threading.Event()


async def small(request: Request) -> Response:
    del request
    return PlainTextResponse("ok")


async def whole(request: Request) -> Response:
    try:
        return PlainTextResponse(str(len(await request.body())))
    except ClientDisconnect:
        gone.set()
        raise


async def early(request: Request) -> Response:
    """An answer that does not wait for the body."""
    del request
    return PlainTextResponse("no")


async def slow(request: Request) -> Response:
    del request
    await asyncio.sleep(1)
    return PlainTextResponse("at last")


async def big(request: Request) -> Response:
    del request
    return Response(BIG)


ROUTES = [
    Route("/small", small),
    Route("/livez", small),
    Route("/whole", whole, methods=["POST"]),
    Route("/early", early, methods=["POST"]),
    Route("/slow", slow),
    Route("/big", big),
]


@contextmanager
def served(**limits: Any) -> Iterator[ThreadedServer]:
    """A server with these limits; times in seconds."""
    with (
        capture_logs(),
        ThreadedServer(Starlette(routes=ROUTES), http=limited_connection_class(Server(**limits))) as running,
    ):
        yield running


def times(**seconds: float) -> dict[str, Any]:
    return {"timeouts": {"headers": 30, "body": 30, "write": 30, "idle": 30} | seconds}


def connected(server: ThreadedServer, receive: int = 0) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    client = socket.socket()
    client.settimeout(PATIENCE)
    if receive:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    client.connect((host, int(port)))
    return client


def until_said(client: socket.socket, text: bytes) -> int:
    """The status of an answer, read up to its last words."""
    read = bytearray()
    while not read.endswith(text):
        piece = client.recv(65_536)
        assert piece, read
        read += piece
    return status(read)


def until_closed(client: socket.socket) -> bytes:
    read = bytearray()
    try:
        while piece := client.recv(65_536):
            read += piece
    except ConnectionResetError:
        read += b"(reset)"
    return bytes(read)


def status(answer: bytes | bytearray) -> int:
    return int(answer[9:12] or 0)


def until(holds: Any) -> None:
    ends, pause = monotonic() + PATIENCE, threading.Event()
    while not holds():
        assert monotonic() < ends
        pause.wait(0.02)
