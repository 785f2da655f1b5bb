"""What travels through the gateway: one frozen request in, one frozen response out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

import msgspec

from gateway.dates.instants import Mode, Shown
from gateway.dates.plan import DatePlan
from gateway.dates.support import DateFacts
from gateway.fhir.bundle import Bundle, bundle
from gateway.fhir.interaction import Interaction
from gateway.fhir.raw_json import string, whole
from gateway.fhir.search_params import NOTHING, Search

#: Structs of msgspec, not dataclasses: most handlers make a copy, and theirs costs a tenth.
_replaced = msgspec.structs.replace

#: Header fields in order, names in lower case.
Headers = tuple[tuple[str, str], ...]
#: A refusal, or a searchset that says it is incomplete.
Inactive = Literal["refuse", "empty"]

EPOCH = datetime.fromtimestamp(0, UTC)
#: What may be assumed of an upstream nobody probed.
FACTS = DateFacts()


@dataclass(frozen=True, slots=True)
class Site:
    """One practice: its Halo GUID, IANA time zone, repairs switched off, and what is known of its upstream.

    `dates`: how it takes dates; `last_updated`: how it labels `meta.lastUpdated`, by resource type or `*`;
    `shown`: how the gateway shows it; `inactive`: what a search for inactive records gets.
    """

    guid: str
    zone: ZoneInfo
    name: str = ""
    repairs_off: frozenset[str] = frozenset()
    dates: DateFacts = FACTS
    last_updated: Mapping[str, Mode] = field(default_factory=dict)
    shown: Shown = "utc"
    inactive: Inactive = "refuse"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the answer to one search.

    `part` counts the upstream queries a search was split into; `rest` is the upstream's own link behind the
    FHIR base, empty at the start of a part. `unfiltered` says that the upstream was seen to drop a date
    criterion, so that every later page needs the filter too.
    """

    part: int = 0
    rest: str = ""
    unfiltered: bool = False


START = Position()


class Waiting:
    """The wait of one client's request; every changed copy of the request shares it.

    It begins when the request comes (`since`), or when it is first asked for. What an upstream query took
    that was not repeated is no waiting: the client asked for it, and it is paid for.
    """

    __slots__ = ("_asking", "_since")

    def __init__(self, since: float | None = None) -> None:
        self._since = since
        self._asking = 0.0

    def asked(self, seconds: float) -> None:
        """Leave out the time of an upstream query; below 0, put back what of one was waiting after all."""
        self._asking += seconds

    def seconds(self, now: float) -> float:
        """How long the client has waited so far."""
        if self._since is None:
            self._since = now - self._asking
        return now - self._since - self._asking


class FhirRequest(msgspec.Struct, frozen=True, dict=True):
    """A client's request, checked and taken apart.

    `asked` is the client's own search and never changes; `search` is what goes upstream, in several
    `parts` where its `dates` need that (none at all: provably nothing matches), from `position` on.
    `path` is relative to the base (`Patient/1`). `public_base` and `upstream_base` are the absolute
    URLs of the same FHIR base on our side and on Halo's, without a trailing slash. `accepted` is the media
    type to answer in, `received` when the request came, `waiting` how long its client has been kept since,
    `validator` the upstream's ETag of what is kept.
    """

    method: str
    interaction: Interaction
    path: str
    public_base: str
    upstream_base: str
    accepted: str = ""
    site: Site | None = None
    asked: Search = NOTHING
    search: Search = NOTHING
    parts: tuple[Search, ...] | None = None
    dates: tuple[DatePlan, ...] = ()
    position: Position = START
    headers: Headers = ()
    body: bytes = b""
    request_id: str = ""
    received: datetime = EPOCH
    waiting: Waiting = msgspec.field(default_factory=Waiting)
    validator: str = ""

    def header(self, name: str) -> str:
        """The first value of a header (lower-case name), or an empty string."""
        return _header(self.headers, name)

    def changed(self, **changes: Any) -> Self:
        """A copy with some fields replaced."""
        return _replaced(self, **changes)

    @cached_property
    def upstream_url(self) -> str:
        """The absolute URL to ask upstream."""
        url = f"{self.upstream_base}/{self.path}" if self.path else self.upstream_base
        return f"{url}?{self.search.query}" if self.search.query else url

    @cached_property
    def bases(self) -> tuple[tuple[tuple[str, str], int], ...]:
        """How a URL on our base or on the upstream's begins, and the base's length."""
        both = (self.public_base, self.upstream_base)
        return tuple(((f"{base}/", f"{base}?"), len(base)) for base in both)

    @cached_property
    def upstream_body(self) -> bytes:
        """The body to send upstream: the client's own bytes unless a repair changed the search form."""
        return self.body if self.search is self.asked else self.search.form.encode() or self.body


class Kept(NamedTuple):
    """What a cache knows of a fresh answer; `born` and `ends` are seconds since 1970.

    `unchanged` says whether no write through this process has touched it since; `current` asks that of all
    replicas and is None where there are none.
    """

    born: float
    ends: float
    unchanged: Callable[[], bool]
    current: Callable[[], Awaitable[bool]] | None = None


class FhirResponse(msgspec.Struct, frozen=True):
    """An answer on its way to the client; `repairs` names what was mended on the way.

    A Bundle that was opened travels as `bundle` and stands for the body. `pages` leads from the relation of
    a link to a position, where they are known; `ignored` names parameters the upstream did not use; `kept`
    is there if a cache gave the answer. `unlinked`: the body is a Bundle that wants links (`bundle.linked`).
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    repairs: tuple[str, ...] = ()
    bundle: Bundle | None = None
    pages: Mapping[str, Position] | None = None
    ignored: frozenset[str] = frozenset()
    kept: Kept | None = None
    unlinked: bool = False

    def header(self, name: str) -> str:
        """The first value of a header (lower-case name), or an empty string."""
        return _header(self.headers, name)

    def changed(self, **changes: Any) -> Self:
        """A copy with some fields replaced."""
        return _replaced(self, **changes)

    def opened(self) -> Self:
        """The answer with its body opened if it is a Bundle. Raises UnreadableError."""
        if self.bundle is not None or b'"Bundle"' not in self.body:
            return self
        fields = whole(self.body)
        return (
            _replaced(self, bundle=bundle(fields)) if string(fields.get("resourceType")) == "Bundle" else self
        )

    def with_bundle(self, changed: Bundle) -> Self:
        """The answer with another Bundle for a body."""
        return self if changed is self.bundle else _replaced(self, bundle=changed, body=b"")

    def closed(self) -> Self:
        """The answer as bytes."""
        return self if self.body or self.bundle is None else _replaced(self, body=self.bundle.encoded())

    def with_header(self, name: str, value: str) -> Self:
        """A copy in which this header has this one value."""
        kept = tuple(each for each in self.headers if each[0] != name)
        return _replaced(self, headers=(*kept, (name, value)))


Handler = Callable[[FhirRequest], Awaitable[FhirResponse]]


def _header(headers: Headers, name: str) -> str:
    for key, value in headers:
        if key == name:
            return value
    return ""


_SAFE = frozenset({"GET", "HEAD"})


def may_write(request: FhirRequest) -> bool:
    """Whether a request changes data, or may: what an operation or a SQL query does, nobody knows here."""
    unknown = request.interaction.code in {"operation", "other"} and request.method not in _SAFE
    return request.interaction.writes or unknown
