"""A cached answer that is ready to be written again (RFC 9111 section 4), found by the raw request."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from gateway.exchange import Kept
from gateway.http.cache_status import CacheStatus

Field = tuple[bytes, bytes]

#: Request fields that change nothing of an answer but its coding and its name in the log.
_PASSING = frozenset(
    {b"accept-encoding", b"connection", b"traceparent", b"tracestate", b"user-agent", b"x-request-id"}
)
#: Request fields that want more than the plain answer, or bring a body.
_SPECIAL = frozenset(
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
_GZIP = re.compile(rb"(?:^|[,\s])gzip\s*(?:,|$|;\s*q=(?:1|0\.0*[1-9]))", re.IGNORECASE)
#: Response fields that belong to one exchange.
_MOMENTARY = frozenset({b"age", b"cache-status"})


class Asked(NamedTuple):
    """A plain GET as it came: what its answer depends on, and what only its writing does."""

    key: tuple[bytes, str, tuple[Field, ...]]
    request_id: str
    gzip: bool


class Form(NamedTuple):
    """One coding of an answer: its fields, the same rendered, its body."""

    fields: tuple[Field, ...]
    head: bytes
    body: bytes


@dataclass(slots=True)
class Hit:
    """A fresh answer with everything that can be known before it is asked for again.

    It is given `until` then (seconds since 1970), though it may be fresh for longer. `subject` is who and
    what it is counted for, `told` logs one exchange by its name and its milliseconds.
    """

    kept: Kept
    until: float
    plain: Form
    subject: Any
    told: Callable[[str, float], None]
    gzip: Form | None = None

    def form(self, asked: Asked) -> Form:
        """The coding for a request."""
        return self.gzip if asked.gzip and self.gzip else self.plain

    def moment(self, now: float, request_id: str) -> "Moment":
        """What is of this exchange alone."""
        age = max(0, int(now - self.kept.born))
        return Moment(age, _status(int(self.kept.ends - now)), request_id.encode())


class Moment(NamedTuple):
    """The fields of one exchange: the age in seconds, what the cache did, and the name."""

    age: int
    status: bytes
    name: bytes

    @property
    def fields(self) -> tuple[Field, ...]:
        """As fields."""
        return ((b"age", b"%d" % self.age), (b"cache-status", self.status), (b"x-request-id", self.name))

    @property
    def head(self) -> bytes:
        """The end of a head, with its empty line."""
        return b"age: %d\r\ncache-status: %b\r\nx-request-id: %b\r\n\r\n" % self


@lru_cache(4_096)
def _status(ttl: int) -> bytes:
    return CacheStatus(ttl=ttl).text.encode()


def asked(target: bytes, headers: Iterable[Field], peer: str) -> Asked | None:
    """A GET of a raw target by these fields (lower-case names); None for one that wants more than a hit.

    Fields it does not know keep answers apart, in the order they came.
    """
    passing, telling = dict[bytes, bytes](), list[Field]()
    for field in headers:
        if field[0] in _PASSING:
            passing[field[0]] = field[1]
        elif field[0] in _SPECIAL:
            return None
        else:
            telling.append(field)
    gzip = _GZIP.search(passing.get(b"accept-encoding", b"")) is not None
    name = passing.get(b"x-request-id", b"").decode("latin-1")
    return Asked((target, peer, tuple(telling)), name, gzip)


def form(fields: Iterable[Field], body: bytes, coding: str = "") -> Form:
    """An answer with its length, and the coding of its body."""
    own = [each for each in fields if each[0] not in _MOMENTARY]
    if coding:
        own.append((b"content-encoding", coding.encode()))
    own.append((b"content-length", b"%d" % len(body)))
    return Form(tuple(own), rendered(own), body)


def rendered(fields: Iterable[Field]) -> bytes:
    """Fields as HTTP/1.1 writes them (RFC 9112 section 5)."""
    return b"".join([b"%b: %b\r\n" % each for each in fields])
