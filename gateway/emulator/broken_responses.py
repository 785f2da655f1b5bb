"""Broken responses: connection resets, truncated or slow bodies, requests that hang."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

#: Scope key of the connection's transport; its value is None without a socket (in-process tests).
TRANSPORT_KEY = "emulator.transport"


class ResetResponse(Response):
    """Drops the connection with a TCP reset before the first byte of a response."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Reset the connection. Raises ConnectionResetError without a socket (in-process tests)."""
        transport = _transport(scope)
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
        await _wait_for_disconnect(receive)


class TruncatedResponse(Response):
    """Declares the whole body, sends half of it and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half of the body. Raises ConnectionResetError without a socket (in-process tests)."""
        transport = _transport(scope)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport.close()
        await _wait_for_disconnect(receive)


class SlowResponse(Response):
    """Sends the whole body in small pieces over `seconds`."""

    piece_count = 20

    def __init__(self, response: Response, seconds: float) -> None:
        super().__init__(response.body, response.status_code, dict(response.headers))
        self._pause_seconds = seconds / self.piece_count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send the pieces with pauses, even after the client has disconnected."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        size = len(body) // self.piece_count + 1
        for start in range(0, len(body), size):
            await asyncio.sleep(self._pause_seconds)
            piece = body[start : start + size]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


class HangingResponse(Response):
    """Sends no response and ends when the client disconnects."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Wait until the client disconnects."""
        await _wait_for_disconnect(receive)


def _truncate_response(response: Response, _: float) -> Response:
    return TruncatedResponse(response.body, response.status_code, dict(response.headers))


#: Breakers by fault kind. The emulator executes and charges the request, then breaks its right response.
RESPONSE_BREAKERS: Final[dict[str, Callable[[Response, float], Response]]] = {
    "truncate": _truncate_response,
    "drip": SlowResponse,
    "lost": lambda response, _: ResetResponse(response.body),
}


def _transport(scope: Scope) -> Any:
    transport = scope.get(TRANSPORT_KEY)
    if transport is None:
        raise ConnectionResetError("the emulator dropped this connection")
    return transport


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
