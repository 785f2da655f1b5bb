"""Prepared responses of the fast path: encoded in advance, found by raw request (RFC 9111 section 4)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import inf
from typing import Any, NamedTuple

import msgspec

from gateway.cache_validity import CacheValidity
from gateway.http.cache_status import CacheStatus

RawHeader = tuple[bytes, bytes]

#: Request header fields that affect only the content coding and the request id of a response.
IRRELEVANT_HEADERS = frozenset(
    {b"accept-encoding", b"connection", b"traceparent", b"tracestate", b"user-agent", b"x-request-id"}
)
#: Request header fields that need the application: cache directives, conditions, ranges, a body.
_BYPASS_HEADERS = frozenset(
    {
        *(b"cache-control", b"content-length", b"expect", b"pragma"),
        *(b"range", b"te", b"transfer-encoding", b"upgrade"),
        *(b"if-match", b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since"),
    }
)
#: Bytes of a key: nobody finds two requests with one digest.
_DIGEST_BYTES = 32
_encode_key = msgspec.msgpack.Encoder().encode
_ACCEPTS_GZIP = re.compile(rb"(?:^|[,\s])gzip\s*(?:,|$|;\s*q=(?:1|0\.0*[1-9]))", re.IGNORECASE)
#: Bytes of memory of a response without its fields and bodies, and of a field without its text.
_RESPONSE_OVERHEAD, _FIELD_OVERHEAD = 2_000, 150
#: Response header fields whose value differs for each request.
_PER_REQUEST_HEADERS = frozenset({b"age", b"cache-status"})


class AddedFields(NamedTuple):
    """Fields that the answer to one request gets as it is sent, the same rendered for HTTP/1.1.

    `vary`: name of the request field by which the answers to other requests have other ones; b"" if none.
    """

    headers: tuple[RawHeader, ...] = ()
    lines: bytes = b""
    vary: bytes = b""


NO_FIELDS = AddedFields()


class FastPathRequest(NamedTuple):
    """A plain GET: the key of its response, its request id, and whether it accepts gzip.

    The key is a digest of the request, because a client decides how long its request is. The fields of
    `added` are no part of a stored response: requests with other ones have the same key.
    """

    key: bytes
    request_id: str
    accepts_gzip: bool
    added: AddedFields = NO_FIELDS


class EncodedResponse(NamedTuple):
    """A response in one content coding: header fields, the same rendered for HTTP/1.1, body."""

    headers: tuple[RawHeader, ...]
    head: bytes
    body: bytes

    @property
    def memory_size(self) -> int:
        """Bytes of memory: the fields are there twice, each with its Python objects."""
        return len(self.body) + 2 * len(self.head) + _FIELD_OVERHEAD * len(self.headers)


@dataclass(slots=True)
class PreparedResponse:
    """A fresh response, encoded in advance for identical requests.

    It is served until `expires_at`, even if it is fresh until `fresh_until`; its data is of `requested_at`.
    These are seconds of a monotonic clock. `attribution` says for whom it is counted; `log_request` logs one
    request by its id and duration in milliseconds. `confirmed_until`: until then it need not be checked with
    the store that replicas share; always, if they share none.
    """

    cache_validity: CacheValidity
    requested_at: float
    fresh_until: float
    expires_at: float
    plain: EncodedResponse
    attribution: Any
    log_request: Callable[[str, float], None]
    gzip: EncodedResponse | None = None
    confirmed_until: float = -inf

    @property
    def memory_size(self) -> int:
        """Bytes of memory in both content codings; `gzip` is `plain` if it is not worth while."""
        codings = (self.plain,) if self.gzip is None or self.gzip is self.plain else (self.plain, self.gzip)
        return _RESPONSE_OVERHEAD + sum(coding.memory_size for coding in codings)

    def encoding_for(self, request: FastPathRequest) -> EncodedResponse:
        """Return the gzip form if the request accepts it and it exists, else the plain form."""
        return self.gzip if request.accepts_gzip and self.gzip else self.plain

    def per_request_headers(self, now: float, request_id: str) -> "PerRequestHeaders":
        """Return the header fields of one request at `now` (seconds of the monotonic clock)."""
        age = max(0, int(now - self.requested_at))
        return PerRequestHeaders(
            age,
            _cache_status_value(int(self.fresh_until - now), self.cache_validity.detail),
            request_id.encode(),
        )


class PerRequestHeaders(NamedTuple):
    """Header fields of one request: age in seconds, Cache-Status, request id."""

    age: int
    cache_status: bytes
    request_id: bytes

    @property
    def headers(self) -> tuple[RawHeader, ...]:
        """As name and value."""
        return (
            (b"age", b"%d" % self.age),
            (b"cache-status", self.cache_status),
            (b"x-request-id", self.request_id),
        )

    @property
    def head(self) -> bytes:
        """Rendered for HTTP/1.1, with the empty line that ends the header section."""
        return b"age: %d\r\ncache-status: %b\r\nx-request-id: %b\r\n\r\n" % self


@lru_cache(4_096)
def _cache_status_value(ttl: int, detail: str) -> bytes:
    return CacheStatus(ttl=ttl, detail=detail).header_value.encode()


def parse_fast_path_request(
    target: bytes,
    headers: Iterable[RawHeader],
    peer: str,
    irrelevant_headers: frozenset[bytes] = IRRELEVANT_HEADERS,
) -> FastPathRequest | None:
    """Parse a GET (names in lower case); None if it needs the application.

    Unknown header fields are part of the key, in the order received.
    """
    irrelevant, relevant = dict[bytes, bytes](), list[RawHeader]()
    for header in headers:
        if header[0] in irrelevant_headers:
            irrelevant[header[0]] = header[1]
        elif header[0] in _BYPASS_HEADERS:
            return None
        else:
            relevant.append(header)
    accepts_gzip = _ACCEPTS_GZIP.search(irrelevant.get(b"accept-encoding", b"")) is not None
    request_id = irrelevant.get(b"x-request-id", b"").decode("latin-1")
    return FastPathRequest(_digest((target, peer, relevant)), request_id, accepts_gzip)


def _digest(parts: tuple[bytes, str, list[RawHeader]]) -> bytes:
    return blake2b(_encode_key(parts), digest_size=_DIGEST_BYTES).digest()


def encode_response(headers: Iterable[RawHeader], body: bytes, content_coding: str = "") -> EncodedResponse:
    """Encode a response, with Content-Length and the coding of its body."""
    fields = [header for header in headers if header[0] not in _PER_REQUEST_HEADERS]
    if content_coding:
        fields.append((b"content-encoding", content_coding.encode()))
    fields.append((b"content-length", b"%d" % len(body)))
    # A copy of the body: encoders return bytes with up to half as much memory unused.
    return EncodedResponse(tuple(fields), render_headers(fields), bytes(memoryview(body)))


def render_headers(headers: Iterable[RawHeader]) -> bytes:
    """Render header fields for HTTP/1.1 (RFC 9112 section 5)."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])
