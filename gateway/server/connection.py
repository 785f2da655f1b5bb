"""Limits of a client connection: time, header size and number of connections.

uvicorn's protocol on httptools limits neither the size of the headers nor the time that a client takes, and
rejects in plain text. This one rejects with an OperationOutcome before a request uses resources.
"""

import asyncio
from collections.abc import Sized
from typing import Any, ClassVar, Literal

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.cache.prepared import NO_FIELDS, AddedFields
from gateway.errors import catalog
from gateway.errors.failure import FailureKind
from gateway.server.joined_writes import JoinedWrites
from gateway.server.rejection import Rejection, rejection_app
from gateway.server.write_timeout import WriteTimeout
from gateway.settings import Server
from gateway.web.cors import CorsPolicy
from gateway.web.request_notes import note_early_end, note_failure
from gateway.web.unread_requests import UnreadRequests

#: Paths served beyond the connection limit, so that a busy gateway is not restarted as a dead one.
_UNLIMITED_PATHS = frozenset({b"/livez", b"/readyz", b"/healthz", b"/metrics"})
#: Seconds for which the gateway reads on after a rejection, so that the client sees the response (RFC 9112
#: section 9.6).
_LINGER_SECONDS = 2.0

#: Bytes that are parsed at a time, by the part of a request. A received block of 256 kB may contain 10,000
#: requests, each of which takes 3 kB once it is parsed: those sent ahead wait as bytes, and no more are read.
_PARSED_BYTES = {"": 2_048, "head": 2_048, "body": 16_384}

#: With CORS, how much of a head is read, in `max_headers`: browsers send `Authorization` before `Origin`, and
#: a page reads no refusal that does not name its origin.
_READ_ON_FACTOR = 2

_RequestPart = Literal["", "head", "body"]


class LimitedConnection(WriteTimeout):
    """A connection within `limits`; `limited_connection_class` makes the class for a server."""

    limits: ClassVar[Server]
    unread: ClassVar[UnreadRequests] = UnreadRequests()
    #: Fields for pages of other origins; None: none.
    cors: ClassVar[CorsPolicy | None] = None
    #: All connections of the server, for its metrics.
    open_connections: ClassVar[Sized] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.write_timeout = self.limits.timeouts.write
        self.timeout_keep_alive = self.limits.timeouts.idle  # type: ignore[assignment] # call_later takes both
        self._awaited_part: _RequestPart = ""
        self._current_part: _RequestPart = "head"
        self._header_bytes = 0
        self._is_rejected = False
        self._is_surplus = False
        self._unparsed_bytes = b""
        self._read_timer: asyncio.TimerHandle | None = None
        self._part_started_at = self.loop.time()
        #: Request whose body has had its time since `_part_started_at`.
        self._timed_cycle: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the headers; note a connection too many, and abort it beyond twice the limit."""
        super().connection_made(transport)
        type(self).open_connections = self.connections
        self._is_surplus = len(self.connections) > self.limits.max_connections
        if len(self.connections) > 2 * self.limits.max_connections:
            transport.abort()
        self._start_read_timer("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers, and tell the running request: uvicorn tells the last of those sent ahead only."""
        self._start_read_timer("")
        self._unparsed_bytes = b""
        if self._running_cycle is not None:
            note_early_end(self._running_cycle.scope, "client-left")
            self._running_cycle.disconnected = True
            self._running_cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; requests sent ahead wait until the earlier ones are answered."""
        if self._is_rejected:
            return
        self._unparsed_bytes += data
        self._parse_received()

    def on_response_complete(self) -> None:
        """Parse the requests that were sent ahead."""
        super().on_response_complete()
        if self._unparsed_bytes and not (self.pipeline or self.transport.is_closing()):
            self.loop.call_soon(self._parse_received)

    def _parse_received(self) -> None:
        while self._unparsed_bytes and not (self.pipeline or self._is_rejected):
            size = _PARSED_BYTES[self._current_part]
            data, self._unparsed_bytes = self._unparsed_bytes[:size], self._unparsed_bytes[size:]
            self._parse_within_limits(data)
        if self._unparsed_bytes:
            self.flow.pause_reading()

    def _parse_within_limits(self, data: bytes) -> None:
        """Parse bytes within the limits of size and time."""
        self._header_bytes += len(data) if self._current_part == "head" else 0
        super().data_received(data)
        longest = self.limits.max_headers * (1 if self.cors is None else _READ_ON_FACTOR)
        if self._current_part == "head" and self._header_bytes > longest:
            self._reject(catalog.HEADERS_TOO_LARGE)
        elif not self._is_rejected:
            self._start_read_timer(
                self._current_part if self._header_bytes or self._current_part == "body" else ""
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field without the white space behind its value, which is no part of it (RFC 9110 5.5).

        The parser leaves it there; a key followed by a space would be another caller than the key.
        """
        super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Handle the request, or reject it and close the connection."""
        kind = self._rejection_kind()
        if kind is not None:
            self.app = rejection_app(kind, self.unread, self.cors)
        if kind is not None or not self._respond_at_once():
            super().on_headers_complete()  # raises for a target that is no URL: the head is not complete then
        self._current_part = "body"

    def _respond_at_once(self) -> bool:
        """Write the response if it is ready; return whether it was."""
        return False

    def on_message_complete(self) -> None:
        """Expect the next request."""
        self.on_request_read()
        super().on_message_complete()

    def on_request_read(self) -> None:
        """Reset the counters for the next request."""
        self._current_part, self._header_bytes = "head", 0

    def send_400_response(self, msg: str) -> None:
        """Reject bytes that are not HTTP."""
        del msg
        is_timed = self._current_part == "body" and self._timed_cycle is self.cycle
        self._reject(catalog.BAD_REQUEST, self._part_seconds if is_timed else 0.0)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.scope["method"] != "HEAD":
            cycle.transport = JoinedWrites(cycle.transport)  # type: ignore[assignment] # all that it uses
        super()._start_asgi_task(cycle, app)

    def _rejection_kind(self) -> FailureKind | None:
        limits = self.limits
        if self._header_bytes > limits.max_headers and self._header_size() > limits.max_headers:
            return catalog.HEADERS_TOO_LARGE
        if len(self.headers) > limits.max_header_fields or self._has_long_list():
            return catalog.HEADERS_TOO_MANY
        if not self._has_valid_host():
            return catalog.BAD_REQUEST
        # It stays one too many until others have closed; those that came before it are not refused for it.
        self._is_surplus = self._is_surplus and len(self.connections) > limits.max_connections
        is_refused = self._is_surplus and self.url not in _UNLIMITED_PATHS
        return catalog.GATEWAY_OVERLOADED if is_refused else None

    def _has_valid_host(self) -> bool:
        """Whether there is one `Host`; HTTP/1.0 needs none (RFC 9112 section 3.2)."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        return hosts == 1 or (not hosts and self.parser.get_http_version() == "1.0")

    def _header_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _has_long_list(self) -> bool:
        """Whether a field has too many values; `If-None-Exist` is a search and has its own limits."""
        limit = self.limits.max_header_values
        return any(
            len(value) > limit and value.count(b",") >= limit and name != b"if-none-exist"
            for name, value in self.headers
        )

    def _reject(self, kind: FailureKind, seconds: float = 0.0) -> None:
        """Respond, then read on for a moment: closing with unread data may lose the response.

        What follows in the body of a request that is answered is no other request: no response, no event.
        `seconds`: for how long the rest of the request was awaited.
        """
        self._is_rejected = True
        self._start_read_timer("")
        is_body, is_waiting = self._current_part == "body", self._has_unstarted_response
        rejection = None
        if is_waiting or not is_body:
            rejection = Rejection(kind, self.cycle.scope if is_body else None)
            rejection.report(self.unread, seconds)
        if self._is_behind_response:
            self.transport.abort()
            return
        if is_body and is_waiting:
            note_failure(self.cycle.scope, kind)
            note_early_end(self.cycle.scope, "answered")
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if rejection is not None:
            self.transport.write(rejection.encode(self._rejection_fields))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._read_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _start_read_timer(self, part: _RequestPart) -> None:
        """Start the client's time for a part of its request, once for each part."""
        if part == self._awaited_part:
            return
        if self._read_timer is not None:
            self._read_timer.cancel()
        self._awaited_part = part
        self._timed_cycle = self.cycle if part == "body" else None
        if not part:
            self._read_timer = None
            return
        seconds = {"head": self.limits.timeouts.headers, "body": self.limits.timeouts.body}
        self._part_started_at = self.loop.time()
        self._read_timer = self.loop.call_later(seconds[part], self._on_read_timeout)

    def _on_read_timeout(self) -> None:
        """Reject the late request, or close the idle connection; what waits behind a response is not late."""
        part, self._awaited_part, self._read_timer = self._awaited_part, "", None
        if self.pipeline or (part == "head" and self._is_responding):
            self._start_read_timer(part)
        elif (part == "head" and self._header_bytes) or (part == "body" and self._has_unstarted_response):
            self._reject(catalog.REQUEST_TIMEOUT, self._part_seconds)
        else:
            self.transport.close()

    @property
    def _rejection_fields(self) -> AddedFields:
        """Fields that the answer to bytes gets that never became a request."""
        return NO_FIELDS

    @property
    def _part_seconds(self) -> float:
        """Seconds since the client has its time for a part of its request."""
        return self.loop.time() - self._part_started_at

    @property
    def _has_waiting_requests(self) -> bool:
        return bool(self.pipeline or self._unparsed_bytes)

    @property
    def _is_receiving(self) -> bool:
        return self._header_bytes > 0 or self._current_part == "body"

    @property
    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_behind_response(self) -> bool:
        """Whether a response must end before any other: a started one, or that of an earlier request."""
        cycle = self._running_cycle
        if cycle is None or cycle.response_complete:
            return False
        return cycle.response_started or self._current_part == "head" or cycle is not self.cycle

    @property
    def _has_unstarted_response(self) -> bool:
        return self._is_responding and not self.cycle.response_started


def limited_connection_class(server: Server, unread: UnreadRequests | None = None) -> type[LimitedConnection]:
    """Return the protocol class of a server with these limits."""
    members = {"limits": server, "unread": unread or UnreadRequests()}
    return type("ServerConnection", (LimitedConnection,), members)
