"""Reads the responses of one HTTP/1.1 connection from its bytes (RFC 9112), with bounds."""

from http import HTTPStatus
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.upstreams.lazy_messages import RawFields

#: Maximum number of header fields of a response with those of interim responses and trailers, and their size.
MAX_FIELDS = 256
MAX_HEAD_BYTES = 64 * 1024
#: Smaller pieces are added up: a list of them would need many times the memory of the body.
_SMALL_PIECE_BYTES = 1024
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_BODY_FIELDS = frozenset({b"content-length", b"transfer-encoding"})


class Received(NamedTuple):
    """A response: status, header fields as received, pieces of the body as sent, and their size."""

    status: int
    fields: RawFields
    pieces: list[bytes | bytearray]
    size: int


class ResponseReader:
    """Reads one response at a time: `start()`, then `feed()` until `is_complete` or `problem` is set.

    `has_head`: the head of the final response was read. `problem` is `not-http`, `too-large` (the body has
    more than `max_body` bytes), or empty. `may_reuse`: the response ended, and nothing followed it.
    """

    def __init__(self) -> None:
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        # As lenient as aiohttp's parser: only the syntax of fields, never the length of a body.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self.start(0)

    def start(self, max_body: int | None, *, has_body: bool = True) -> None:
        """Expect a response. It ends with its head if `max_body` is None, or the request was HEAD."""
        self._max_body = max_body
        self._ends_with_head = max_body is None or not has_body
        self.status = 0
        self.fields: RawFields = []
        self.pieces: list[bytes | bytearray] = []
        self.size = 0
        self.problem = self._version = ""
        self.is_complete = self.has_begun = self.may_reuse = False
        self.has_head = self._has_length = self._contradicts_itself = False
        self._field_count = self._field_bytes = self._bodiless_bytes = 0

    def feed(self, data: bytes) -> None:
        """Read received bytes."""
        self.has_begun = True
        if self._parser is None:
            return
        size_before = self.size
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail("not-http")
        self._bodiless_bytes = 0 if self.size > size_before else self._bodiless_bytes + len(data)
        if self._bodiless_bytes > MAX_HEAD_BYTES:
            # A head or a trailer: until a field ends, the parser adds up its pieces, without calling back.
            self._fail("not-http")

    def feed_end(self) -> None:
        """Read the end of the connection: the end of a response without a length."""
        if self.has_head and not self._has_length and not self.problem:
            self.is_complete = True

    def take(self) -> Received:
        """Return the response, and keep nothing of it."""
        received = Received(self.status, self.fields, self.pieces, self.size)
        self.fields, self.pieces = [], []
        return received

    def close(self) -> None:
        """Forget everything, and let go of the parser, which refers to its reader."""
        self._parser = None
        self.fields, self.pieces = [], []

    def _fail(self, problem: str) -> None:
        self.may_reuse = False
        if not self.is_complete:
            self.problem = self.problem or problem

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """Forget an interim response; a second response is more than was asked for."""
        self.fields = []
        self._count(0)
        if self.is_complete:
            self.may_reuse = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field; those after the body, and those that follow the response, are only counted."""
        self._count(len(name) + len(value))
        if b"\0" in value:  # must not be read as it is (RFC 9110 section 5.5)
            self._fail("not-http")
        if not self.has_head and not self.problem:
            self.fields.append((name.rstrip(b" \t"), value.rstrip(b" \t")))  # RFC 9112 section 5.1

    def _count(self, size: int) -> None:
        """Count a field or the begin of a response: both are bounded together."""
        self._field_count += 1
        self._field_bytes += size
        if self._field_count > MAX_FIELDS or self._field_bytes > MAX_HEAD_BYTES:
            self._fail("not-http")

    def on_headers_complete(self) -> None:
        """Keep the status of a final response, and see how its end is known."""
        if self.has_head or self.problem or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < HTTPStatus.OK:
            if status == HTTPStatus.SWITCHING_PROTOCOLS or status < HTTPStatus.CONTINUE:
                self._fail("not-http")
            return
        self._version = self._parser.get_http_version()
        if self._version not in {"1.0", "1.1"}:
            self._fail("not-http")
        self.status, self.has_head = status, True
        is_bodiless = status in _BODILESS
        self._has_length = is_bodiless or self._body_has_length()
        self._contradicts_itself = is_bodiless and self._announces_body()
        self.is_complete = self._ends_with_head and not self.problem

    def _announces_body(self) -> bool:
        """Whether a body may follow a response that has none: its bytes would be the next response."""
        return any(name.lower() in _BODY_FIELDS and value != b"0" for name, value in self.fields)

    def _body_has_length(self) -> bool:
        for name, value in self.fields:
            lower_name = name.lower()
            if lower_name == b"content-length":
                return True
            if lower_name == b"transfer-encoding":
                if value.lower() == b"identity":  # of older servers: no coding, so until the end
                    continue
                if value.lower() != b"chunked":
                    self._fail("not-http")
                return True
        return False

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body, up to its maximum."""
        if self.is_complete or self.problem:
            return
        self.size += len(data)
        if self.size > (self._max_body or 0):
            self._fail("too-large")
            self.pieces.clear()
        elif len(data) >= _SMALL_PIECE_BYTES:
            self.pieces.append(data)
        elif self.pieces and isinstance(last := self.pieces[-1], bytearray):
            last += data
        else:
            self.pieces.append(bytearray(data))

    def on_message_complete(self) -> None:
        """Note the end of the response."""
        if self._parser and self.has_head and not self.is_complete and not self.problem:
            self.is_complete = True
            keeps_alive = self._version == "1.1" and self._parser.should_keep_alive()
            self.may_reuse = keeps_alive and not self._contradicts_itself
