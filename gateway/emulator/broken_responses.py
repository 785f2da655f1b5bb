"""Answers no well-behaved server gives: connections reset, bodies cut short or slow, silence."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

TRANSPORT = "emulator.transport"
"""Scope key under which the application keeps the connection's transport, when there is one."""


class Reset(Response):
    """Drops the connection with a TCP reset before any byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Resets the connection; without a socket (in-process tests) raises ConnectionResetError."""
        transport = _transport(scope)
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
        await _gone(receive)


class Truncated(Response):
    """Announces the whole body, sends half of it and closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends half; without a socket raises ConnectionResetError."""
        transport = _transport(scope)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport.close()
        await _gone(receive)


class Dripping(Response):
    """Sends the whole body in small pieces over `seconds`."""

    pieces = 20

    def __init__(self, answer: Response, seconds: float) -> None:
        super().__init__(answer.body, answer.status_code, dict(answer.headers))
        self._pause = seconds / self.pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Sends piece after piece; a client that leaves meanwhile is not noticed."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        size = len(body) // self.pieces + 1
        for start in range(0, len(body), size):
            await asyncio.sleep(self._pause)
            piece = body[start : start + size]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


class Hang(Response):
    """Never answers; ends when the client leaves."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Waits for the client to hang up."""
        await _gone(receive)


def _truncated(answer: Response, _: float) -> Response:
    return Truncated(answer.body, answer.status_code, dict(answer.headers))


SPOILT: Final[dict[str, Callable[[Response, float], Response]]] = {
    "truncate": _truncated,
    "drip": Dripping,
    "lost": lambda answer, _: Reset(answer.body),
}
"""What becomes of the right answer, carried out and charged, under kinds that spoil its way to the client."""


def _transport(scope: Scope) -> Any:
    transport = scope.get(TRANSPORT)
    if transport is None:
        raise ConnectionResetError("the emulator dropped this connection")
    return transport


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
