"""A cached answer that is ready to be written again (RFC 9111 section 4), found by the raw request."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from gateway.exchange import CacheValidity
from gateway.http.cache_status import CacheStatus

RawHeader = tuple[bytes, bytes]

#: Request fields that change nothing of an answer but its coding and its name in the log.
_IRRELEVANT_HEADERS = frozenset(
    {b"accept-encoding", b"connection", b"traceparent", b"tracestate", b"user-agent", b"x-request-id"}
)
#: Request fields that want more than the plain answer, or bring a body.
_BYPASS_HEADERS = frozenset(
    {
        *(
            b"cache-control",
            b"content-length",
            b"expect",
            b"pragma",
            b"range",
            b"te",
            b"transfer-encoding",
            b"upgrade",
        ),
        *(b"if-match", b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since"),
    }
)
_ACCEPTS_GZIP = re.compile(rb"(?:^|[,\s])gzip\s*(?:,|$|;\s*q=(?:1|0\.0*[1-9]))", re.IGNORECASE)
#: Response fields that belong to one exchange.
_PER_REQUEST_HEADERS = frozenset({b"age", b"cache-status"})


class FastPathRequest(NamedTuple):
    """A plain GET as it came: what its answer depends on, and what only its writing does."""

    key: tuple[bytes, str, tuple[RawHeader, ...]]
    request_id: str
    accepts_gzip: bool


class EncodedResponse(NamedTuple):
    """One coding of an answer: its fields, the same rendered, its body."""

    headers: tuple[RawHeader, ...]
    head: bytes
    body: bytes


@dataclass(slots=True)
class PreparedResponse:
    """A fresh answer with everything that can be known before it is asked for again.

    It is given `until` then (seconds since 1970), though it may be fresh for longer. `subject` is who and
    what it is counted for, `told` logs one exchange by its name and its milliseconds.
    """

    cache_validity: CacheValidity
    expires_at: float
    plain: EncodedResponse
    attribution: Any
    log_request: Callable[[str, float], None]
    gzip: EncodedResponse | None = None

    def encoding_for(self, request: FastPathRequest) -> EncodedResponse:
        """The coding for a request."""
        return self.gzip if request.accepts_gzip and self.gzip else self.plain

    def per_request_headers(self, now: float, request_id: str) -> "PerRequestHeaders":
        """What is of this exchange alone."""
        age = max(0, int(now - self.cache_validity.stored_at))
        return PerRequestHeaders(
            age, _cache_status_value(int(self.cache_validity.expires_at - now)), request_id.encode()
        )


class PerRequestHeaders(NamedTuple):
    """The fields of one exchange: the age in seconds, what the cache did, and the name."""

    age: int
    cache_status: bytes
    request_id: bytes

    @property
    def headers(self) -> tuple[RawHeader, ...]:
        """As fields."""
        return (
            (b"age", b"%d" % self.age),
            (b"cache-status", self.cache_status),
            (b"x-request-id", self.request_id),
        )

    @property
    def head(self) -> bytes:
        """The end of a head, with its empty line."""
        return b"age: %d\r\ncache-status: %b\r\nx-request-id: %b\r\n\r\n" % self


@lru_cache(4_096)
def _cache_status_value(ttl: int) -> bytes:
    return CacheStatus(ttl=ttl).header_value.encode()


def parse_fast_path_request(target: bytes, headers: Iterable[RawHeader], peer: str) -> FastPathRequest | None:
    """A GET of a raw target by these fields (lower-case names); None for one that wants more than a hit.

    Fields it does not know keep answers apart, in the order they came.
    """
    passing, telling = dict[bytes, bytes](), list[RawHeader]()
    for field in headers:
        if field[0] in _IRRELEVANT_HEADERS:
            passing[field[0]] = field[1]
        elif field[0] in _BYPASS_HEADERS:
            return None
        else:
            telling.append(field)
    gzip = _ACCEPTS_GZIP.search(passing.get(b"accept-encoding", b"")) is not None
    name = passing.get(b"x-request-id", b"").decode("latin-1")
    return FastPathRequest((target, peer, tuple(telling)), name, gzip)


def encode_response(headers: Iterable[RawHeader], body: bytes, content_coding: str = "") -> EncodedResponse:
    """An answer with its length, and the coding of its body."""
    own = [each for each in headers if each[0] not in _PER_REQUEST_HEADERS]
    if content_coding:
        own.append((b"content-encoding", content_coding.encode()))
    own.append((b"content-length", b"%d" % len(body)))
    return EncodedResponse(tuple(own), render_headers(own), body)


def render_headers(headers: Iterable[RawHeader]) -> bytes:
    """Fields as HTTP/1.1 writes them (RFC 9112 section 5)."""
    return b"".join([b"%b: %b\r\n" % each for each in headers])
