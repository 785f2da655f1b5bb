"""Fast path: a connection that serves cache hits before anything is parsed, else as soon as the headers are.

A request head that came in one segment, on an idle connection, is looked up as it is. Whatever is not found
goes to the parser, which fills the table: then hits are found by what was parsed, without task or routing.
"""

from functools import lru_cache
from math import inf
from time import perf_counter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.cache.prepared import NO_FIELDS, AddedFields, RawHeader, render_headers
from gateway.server.connection import LimitedConnection, limited_connection_class
from gateway.settings import Server
from gateway.web import request_id
from gateway.web.cors import CorsPolicy
from gateway.web.fast_path import FastPathCache
from gateway.web.head_table import MAX_HEAD_BYTES, SEPARATE_WRITE_BYTES, HeadEntry
from gateway.web.request_id import raw_request_id
from gateway.web.unread_requests import UnreadRequests

_END_OF_HEAD = b"\r\n\r\n"


class FastPathProtocol(LimitedConnection):
    """Writes a hit itself if the connection is idle; the application handles all other requests.

    `protocol_class` makes the class for a server. The first request of a connection is always parsed, so that
    its timers run as for any other.
    """

    hits: ClassVar[FastPathCache]
    _is_hit = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Whether all that was received is answered, the client reads, and the connection stays open.
        self._is_idle = False
        self._is_message_complete = False
        self._is_ending = False
        self._segment = b""
        self._last_hit_at = -inf
        self._peer = ""
        self._find_entry = self.hits.heads.find
        self._clock = self.hits.clock
        self._generation = self.hits.generation
        self._is_channel_current = self.hits.is_channel_current
        self._records = self.hits.records

    def connection_made(self, transport: Any) -> None:
        """Note whose connection it is."""
        super().connection_made(transport)
        self._is_ending = self.server_state.has_last_answers
        self._peer = self.client[0] if self.client and self.hits.vary_by_peer else ""

    def data_received(self, data: bytes) -> None:
        """Write the hit of a known request head, or parse the bytes."""
        if self._is_idle:
            entry = self._find_entry(data)
            if entry is not None:
                now = self._clock()
                if self._is_valid(entry, now) or self._renew(entry, now):
                    self._write_entry(entry, request_id.new_request_id(), now)
                    return
            elif len(data) <= MAX_HEAD_BYTES and self._write_varied(data):
                return
            self._is_idle = False
            self._segment = data
            super().data_received(data)
            self._segment = b""
        else:
            super().data_received(data)

    def _write_entry(self, entry: HeadEntry, identifier: bytes, now: float) -> None:
        """Write the answer of an entry, and note the hit and its log line."""
        records = self._records
        if now >= records.line_end_until:
            records.renew(now)
        if entry.hits:
            entry.hits += 1
        else:
            entry.hits = 1
            records.add_active(entry)
        if entry.add_lines is not None:
            entry.add_lines((entry.line_start, identifier, records.line_end))
        else:
            entry.hit.log_request(identifier.decode(), 0.0)
        self._last_hit_at = now
        if entry.is_separate:
            self.transport.writelines((b"".join((entry.head, identifier, _END_OF_HEAD)), entry.body))
        else:
            self.transport.write(b"".join((entry.head, identifier, _END_OF_HEAD, entry.body)))

    def _write_varied(self, data: bytes) -> bool:
        """Write the hit of a head that is known but for the fields that vary; return whether there is one."""
        found = self.hits.heads.find_varied(data)
        if found is None:
            return False
        (entry, client_id), now = found, self._clock()
        if not (self._is_valid(entry, now) or self._renew(entry, now)):
            return False
        self._write_entry(entry, raw_request_id(client_id), now)
        return True

    def _is_valid(self, entry: HeadEntry, now: float) -> bool:
        return (
            now < entry.valid_until
            and entry.generation == self._generation.number
            and entry.peer == self._peer
            and (self._is_channel_current is None or self._is_channel_current())
        )

    def _renew(self, entry: HeadEntry, now: float) -> bool:
        """Check an entry and render it again; return whether it is this client's, and valid."""
        return entry.peer == self._peer and self.hits.renew_entry(
            entry, self.server_state.default_headers, now
        )

    def on_message_begin(self) -> None:
        """Begin a request: what follows is not the beginning of one."""
        self._is_idle = self._is_message_complete = False
        super().on_message_begin()

    def _respond_at_once(self) -> bool:
        self._is_hit = self._may_respond_now and self._write_hit()
        return self._is_hit

    def on_message_complete(self) -> None:
        """Complete the hit, or pass the request on to the application."""
        self._is_message_complete = not self.is_upgrade_offer
        if self._is_hit:
            self._is_hit = False
            self.on_request_read()
            self.on_response_complete()
        else:
            super().on_message_complete()
            self._note_idleness()

    def on_response_complete(self) -> None:
        """Expect the next request."""
        super().on_response_complete()
        self._note_idleness()

    def pause_writing(self) -> None:
        """Answer no more hits: the client reads more slowly than the gateway writes."""
        self._is_idle = False
        super().pause_writing()

    def resume_writing(self) -> None:
        """Answer hits again."""
        super().resume_writing()
        self._note_idleness()

    def end_after_answer(self) -> None:
        """Leave hits to the application, whose answers announce the end of the connection."""
        self._is_ending = True
        self._is_idle = False
        super().end_after_answer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Answer no more hits."""
        self._is_ending = True
        super().connection_lost(exc)
        self._is_idle = False

    def timeout_keep_alive_handler(self) -> None:
        """Close the idle connection; wait on if there was a hit since the timer was started."""
        seconds = self._last_hit_at + self.timeout_keep_alive - self._clock()
        if seconds > 0 and self._is_idle:
            self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
        else:
            self._is_idle = False
            super().timeout_keep_alive_handler()

    def _note_idleness(self) -> None:
        self._is_idle = (
            self._is_message_complete
            and (self.cycle is None or self.cycle.response_complete)
            and not (self._unparsed_bytes or self.pipeline or self._is_rejected)
            and not (self._is_surplus or self._is_ending)
            and not (self.flow.write_paused or self.transport.is_closing())
        )

    @property
    def _rejection_fields(self) -> AddedFields:
        """Fields for the page that sent the request, as far as its head was received.

        A head that is complete, or of an earlier request, says nothing about the bytes that follow it.
        """
        if self.cors is None:
            return NO_FIELDS
        is_begun = not self._is_message_complete and self.headers is not None
        target, headers = (self.url, self.headers) if is_begun else (b"", [])
        return self.cors.fields_for_target(target, headers)

    @property
    def _may_respond_now(self) -> bool:
        """Whether this is a plain GET, no earlier response is outstanding, and the client reads."""
        return (
            self.parser.get_method() == b"GET"
            and not self._is_ending
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.is_upgrade_offer
        )

    def _write_hit(self) -> bool:
        if not self.hits.has_responses:
            return False
        started_at, peer = perf_counter(), self.client[0] if self.client else ""
        request = self.hits.parse_request(self.url, self.headers, peer)
        hit = request and self.hits.find_response(request)
        if request is None or hit is None or not self.hits.may_serve_at_once(hit):
            return False
        if self._segment:
            self.hits.add_head(self._segment, peer, request, hit)
        own, encoded = self.hits.record_hit(request, hit, started_at), hit.encoding_for(request)
        start = _response_start(tuple(self.server_state.default_headers))
        head = (start, encoded.head, request.added.lines, own.head)
        if len(encoded.body) < SEPARATE_WRITE_BYTES:
            self.transport.write(b"".join((*head, encoded.body)))
        else:
            self.transport.writelines((b"".join(head), encoded.body))
        return True


@lru_cache(maxsize=1)
def _response_start(default_headers: tuple[RawHeader, ...]) -> bytes:
    """Return the status line and uvicorn's default headers, which change once a second (Date)."""
    return STATUS_LINE[200] + render_headers(default_headers)


def protocol_class(
    limits: Server,
    hits: FastPathCache | None,
    unread: UnreadRequests | None = None,
    cors: CorsPolicy | None = None,
) -> type[LimitedConnection]:
    """Return the protocol class of a server with these limits; without hits, one without fast path."""
    if hits is None:
        return limited_connection_class(limits, unread)
    members = {"limits": limits, "hits": hits, "unread": unread or UnreadRequests(), "cors": cors}
    return type("Protocol", (FastPathProtocol,), members)
