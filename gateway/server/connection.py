"""One client's connection: slow, greedy and surplus clients are answered, or left, before they cost anything.

uvicorn's protocol on httptools limits neither the size of a request's head nor the time a client takes for
its part, and refuses in plain text; here every refusal is an OperationOutcome.
"""

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar, Literal

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.errors import catalog
from gateway.errors.failure import Failure, Kind
from gateway.settings import Server
from gateway.web.endpoint import fields, sent
from gateway.web.errors import answer
from gateway.web.request_id import request_id
from gateway.web.request_reader import named

_log = structlog.get_logger()
#: What a client still gets when there are too many: or a busy gateway would be taken for a dead one.
_ALWAYS = frozenset({b"/livez", b"/readyz", b"/healthz", b"/metrics"})
#: Seconds for which what a refused client goes on sending is read, so that it sees why (RFC 9112 9.6).
_LINGER = 2.0

_Part = Literal["", "head", "body"]


#: Bytes that a client must take in the time it has for it.
_TAKEN = 65_536


class Delivered(HttpToolsProtocol):
    """A connection whose client has `patience` seconds for each 64 kB that wait for it."""

    patience = 30.0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._left = 0
        self._looking: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._satisfied()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """An answer was handed over, though not all of it may have left."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._look()

    def timeout_keep_alive_handler(self) -> None:
        """The connection was not used for long."""
        super().timeout_keep_alive_handler()
        self._look()

    def pause_writing(self) -> None:
        """The client takes its answer slower than it was written."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        self._satisfied()

    def _look(self) -> None:
        """Look how much has been taken when the time is over."""
        self._left = self.transport.get_write_buffer_size()
        if self._looking is None:
            self._looking = self.loop.call_later(self.patience, self._looked)

    def _looked(self) -> None:
        before, left, self._looking = self._left, self.transport.get_write_buffer_size(), None
        if left and left > before - _TAKEN:
            self.transport.abort()
        elif left:
            self._look()

    def _satisfied(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None


class Guarded(Delivered):
    """A connection within `limits`; `guarded` makes the class for a server."""

    limits: ClassVar[Server]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.patience = self.limits.timeouts.answer
        self.timeout_keep_alive = self.limits.timeouts.idle  # type: ignore[assignment] # call_later takes both
        self._expected: _Part = ""
        self._reading: _Part = "head"
        self._head = 0
        self._refused = False
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came."""
        super().connection_made(transport)
        if len(self.connections) > 2 * self.limits.max_connections:
            transport.abort()
        self._expect("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._expect("")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """It sent something."""
        if self._refused:
            return
        self._head += len(data) if self._reading == "head" else 0
        super().data_received(data)
        if self._reading == "head" and self._head > self.limits.max_headers:
            self._refuse(catalog.HEAD_TOO_LARGE)
        elif not self._refused:
            self._expect(self._reading if self._head or self._reading == "body" else "")

    def on_headers_complete(self) -> None:
        """A request's head is whole: it is handled, or refused and the connection closed."""
        self._reading = "body"
        refusal = self._refusal()
        if refusal is not None:
            self.app = _refusing(refusal)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is whole."""
        self.on_request_read()
        super().on_message_complete()

    def on_request_read(self) -> None:
        """The next request may follow."""
        self._reading, self._head = "head", 0

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        del msg
        self._refuse(catalog.BAD_REQUEST)

    def _refusal(self) -> Kind | None:
        limits = self.limits
        if self._head > limits.max_headers and self._size() > limits.max_headers:
            return catalog.HEAD_TOO_LARGE
        full = len(self.connections) > limits.max_connections and self.url not in _ALWAYS
        return catalog.OVERLOADED if full else None

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse(self, kind: Kind) -> None:
        """Answer, then read on for a moment: a connection closed with data unread may lose the answer."""
        self._refused = True
        self._expect("")
        _log.info("refused", code=kind.code, status=kind.status)
        if self._answering and not (self._reading == "body" and self._unanswered):
            self.transport.abort()
            return
        if self._answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(_written(kind))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._late = self.loop.call_later(_LINGER, self.transport.abort)

    def _expect(self, part: _Part) -> None:
        """Give the client its time for a part of its request; it is not given anew while that part lasts."""
        if part == self._expected:
            return
        if self._late is not None:
            self._late.cancel()
        self._expected = part
        seconds = {"head": self.limits.timeouts.head, "body": self.limits.timeouts.body}
        self._late = self.loop.call_later(seconds[part], self._overdue) if part else None

    def _overdue(self) -> None:
        """The client's time is over."""
        part, self._expected, self._late = self._expected, "", None
        if part == "head" and self._answering:
            self._expect(part)
        elif (part == "head" and self._head) or (part == "body" and self._unanswered):
            self._refuse(catalog.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _unanswered(self) -> bool:
        return self._answering and not self.cycle.response_started


def guarded(server: Server) -> type[Guarded]:
    """The protocol of a server with these limits."""
    return type("Guarded", (Guarded,), {"limits": server})


def _refusing(kind: Kind) -> ASGIApp:
    async def refused(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        _log.info("refused", code=kind.code, status=kind.status)
        await sent(answer(Failure(kind)).with_header("connection", "close"), request, send, named(request))

    return refused


def _written(kind: Kind) -> bytes:
    """The bytes of an answer to what never became a request."""
    response = answer(Failure(kind)).with_header("connection", "close")
    lines = [b"%s: %s\r\n" % each for each in fields(response, request_id(""))]
    start = f"HTTP/1.1 {kind.status} {HTTPStatus(kind.status).phrase}\r\n".encode()
    return b"".join([start, *lines, b"\r\n", response.body])
