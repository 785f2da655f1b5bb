"""Answers by the bytes of a whole request head: found before anything is parsed."""

import re
from collections.abc import Callable, Iterable
from email.utils import formatdate
from math import floor, inf
from time import time

from gateway.cache.prepared import FastPathRequest, PreparedResponse, RawHeader, render_headers
from gateway.telemetry.log_config import EventLogger

#: Longest head that is a key, most entries, and bytes of an entry without its key and body.
MAX_HEAD_BYTES, MAX_ENTRIES, _ENTRY_OVERHEAD = 8_192, 4_096, 1_500
#: A plain GET of HTTP/1.1 as nearly all clients write it: no folded field, no absolute form, no body.
_PLAIN_HEAD = re.compile(rb"GET /[!-~]* HTTP/1\.1\r\n(?:[!#$%&'*+.^_`|~\-0-9A-Za-z]+:[\t -~]*\r\n)+\r\n")
#: A field that may differ in each request, with one value of visible characters.
_VARIED_FIELD = re.compile(rb"\r\n((?i:x-request-id|traceparent|tracestate)): ?([!-~]{0,512})(?=\r\n)")
_END_OF_HEAD = b"\r\n\r\n"
_STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
#: Bytes from which a body is written separately: copying it behind the headers would cost more.
SEPARATE_WRITE_BYTES = 65_536


class HeadEntry:
    """The ready answer to one request head, until `valid_until` (seconds of the monotonic clock).

    `head` ends with the name of X-Request-Id; `hits` are those that are not counted yet. `add_lines` adds the
    parts of a log line to the waiting ones; None if the log takes none in parts.
    """

    __slots__ = (
        "add_lines", "body", "generation", "head", "hit", "hits", "is_separate", "key", "line_start", "peer",
        "request", "size", "valid_until",
    )  # fmt: skip

    def __init__(self, key: bytes, peer: str, request: FastPathRequest, hit: PreparedResponse) -> None:
        self.key, self.peer, self.request, self.hit = key, peer, request, hit
        self.hits, self.generation, self.valid_until = 0, -1, -inf
        self.head = self.body = b""
        self.is_separate = False
        logger = hit.log_request if isinstance(hit.log_request, EventLogger) else None
        self.line_start = logger.line_start if logger else b""
        self.add_lines = logger.add_lines if logger else None
        head_size = len(hit.plain.head) + len(request.added.lines)
        self.size = _ENTRY_OVERHEAD + len(key) + len(hit.plain.body) + 2 * head_size

    def render(self, default_headers: Iterable[RawHeader], generation: int, now: float) -> None:
        """Render what changes: it is right until the next second of Age, lifetime or Date."""
        encoded, hit, wall_clock = self.hit.encoding_for(self.request), self.hit, time()
        self.head = _STATUS_LINE + _render_defaults(default_headers, wall_clock) + encoded.head
        self.head += self.request.added.lines
        self.head += hit.per_request_headers(now, "").head[:-4]
        self.body, self.is_separate = encoded.body, len(encoded.body) >= SEPARATE_WRITE_BYTES
        age, ttl = now - hit.requested_at, hit.fresh_until - now
        rests = (1 - age + floor(age), ttl - floor(ttl), 1 - wall_clock + floor(wall_clock))
        self.generation, self.valid_until = (
            generation,
            min(now + min(rests), hit.expires_at, hit.confirmed_until),
        )


class HeadTable:
    """Entries by request head, limited to `max_bytes`; the oldest without recent hits is dropped first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._entries: dict[bytes, HeadEntry] = {}
        self.used_bytes = 0
        #: Return the entry of a head, or None.
        self.find: Callable[[bytes], HeadEntry | None] = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def find_varied(self, head: bytes) -> tuple[HeadEntry, bytes] | None:
        """Return the entry of a head without the fields that vary, and the client's request id or b"".

        None also if such a field follows the empty line: what follows a head is no part of it.
        """
        parts = _VARIED_FIELD.split(head)
        if len(parts) == 1 or not parts[-1].endswith(_END_OF_HEAD):
            return None
        names = [name.lower() for name in parts[1::3]]
        entry = self.find(b"".join(parts[::3]))
        if entry is None or len(set(names)) < len(names):
            return None
        return entry, parts[2 + 3 * names.index(b"x-request-id")] if b"x-request-id" in names else b""

    def add(
        self, head: bytes, peer: str, request: FastPathRequest, hit: PreparedResponse
    ) -> HeadEntry | None:
        """Add an entry for a head without the fields that vary; None if the head is not plain."""
        if len(head) > MAX_HEAD_BYTES or _PLAIN_HEAD.fullmatch(head) is None:
            return None
        entry = HeadEntry(_VARIED_FIELD.sub(b"", head), peer, request, hit)
        if entry.size > self.max_bytes:
            return None
        self._remove(entry.key)
        self._entries[entry.key] = entry
        self.used_bytes += entry.size
        while self.used_bytes > self.max_bytes or len(self._entries) > MAX_ENTRIES:
            self._remove(next(iter(self._entries)))
        return entry

    def drop(self, entry: HeadEntry) -> None:
        """Drop an entry, if it is still there."""
        if self.find(entry.key) is entry:
            self._remove(entry.key)

    def _remove(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        self.used_bytes -= entry.size if entry else 0

    def keep(self, entry: HeadEntry) -> None:
        """Make an entry the newest."""
        if self._entries.get(entry.key) is entry:
            self._entries[entry.key] = self._entries.pop(entry.key)


def _render_defaults(default_headers: Iterable[RawHeader], wall_clock: float) -> bytes:
    """Render uvicorn's default fields, with this second's Date."""
    date = formatdate(wall_clock, usegmt=True).encode()
    return render_headers([(name, date if name == b"date" else value) for name, value in default_headers])
