"""What travels through the gateway: one frozen request in, one frozen response out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

import msgspec

from gateway.dates.instants import InstantOutput, LabelMode
from gateway.dates.plan import DatePlan
from gateway.dates.support import DateSearchSupport
from gateway.fhir.bundle import Bundle, bundle_from_fields
from gateway.fhir.interaction import Interaction
from gateway.fhir.raw_json import string_value, utf8_object_fields
from gateway.fhir.search_params import NO_PARAMETERS, SearchParams

#: Structs of msgspec, not dataclasses: most handlers make a copy, and theirs costs a tenth.
_replace_fields = msgspec.structs.replace

#: Header fields in order, names in lower case.
Headers = tuple[tuple[str, str], ...]
#: A refusal, or a searchset that says it is incomplete.
InactiveRecords = Literal["refuse", "empty"]

EPOCH = datetime.fromtimestamp(0, UTC)
#: What may be assumed of an upstream nobody probed.
DEFAULT_DATE_SUPPORT = DateSearchSupport()


@dataclass(frozen=True, slots=True)
class Site:
    """One practice: its Halo GUID, IANA time zone, repairs switched off, and what is known of its upstream.

    `dates`: how it takes dates; `last_updated`: how it labels `meta.lastUpdated`, by resource type or `*`;
    `shown`: how the gateway shows it; `inactive`: what a search for inactive records gets.
    """

    guid: str
    zone: ZoneInfo
    name: str = ""
    disabled_repairs: frozenset[str] = frozenset()
    date_support: DateSearchSupport = DEFAULT_DATE_SUPPORT
    last_updated_input: Mapping[str, LabelMode] = field(default_factory=dict)
    last_updated_output: InstantOutput = "utc"
    inactive_records: InactiveRecords = "refuse"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the answer to one search.

    `part` counts the upstream queries a search was split into; `rest` is the upstream's own link behind the
    FHIR base, empty at the start of a part. `unfiltered` says that the upstream was seen to drop a date
    criterion, so that every later page needs the filter too.
    """

    part: int = 0
    upstream_link: str = ""
    needs_filter: bool = False


START = Position()


class WaitClock:
    """The wait of one client's request; every changed copy of the request shares it.

    It begins when the request comes (`since`), or when it is first asked for. What an upstream query took
    that was not repeated is no waiting: the client asked for it, and it is paid for.
    """

    __slots__ = ("_excluded_seconds", "_started_at")

    def __init__(self, started_at: float | None = None) -> None:
        self._started_at = started_at
        self._excluded_seconds = 0.0

    def exclude(self, seconds: float) -> None:
        """Leave out the time of an upstream query; below 0, put back what of one was waiting after all."""
        self._excluded_seconds += seconds

    def waited_seconds(self, now: float) -> float:
        """How long the client has waited so far."""
        if self._started_at is None:
            self._started_at = now - self._excluded_seconds
        return now - self._started_at - self._excluded_seconds


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
    response_format: str = ""
    site: Site | None = None
    client_search: SearchParams = NO_PARAMETERS
    upstream_search: SearchParams = NO_PARAMETERS
    split_searches: tuple[SearchParams, ...] | None = None
    date_plans: tuple[DatePlan, ...] = ()
    position: Position = START
    headers: Headers = ()
    body: bytes = b""
    request_id: str = ""
    received_at: datetime = EPOCH
    wait_clock: WaitClock = msgspec.field(default_factory=WaitClock)
    if_none_match: str = ""

    def header(self, name: str) -> str:
        """The first value of a header (lower-case name), or an empty string."""
        return _first_value(self.headers, name)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields replaced."""
        return _replace_fields(self, **changes)

    @cached_property
    def upstream_url(self) -> str:
        """The absolute URL to ask upstream."""
        url = f"{self.upstream_base}/{self.path}" if self.path else self.upstream_base
        return f"{url}?{self.upstream_search.query}" if self.upstream_search.query else url

    @cached_property
    def base_prefixes(self) -> tuple[tuple[tuple[str, str], int], ...]:
        """How a URL on our base or on the upstream's begins, and the base's length."""
        both = (self.public_base, self.upstream_base)
        return tuple(((f"{base}/", f"{base}?"), len(base)) for base in both)

    @cached_property
    def upstream_body(self) -> bytes:
        """The body to send upstream: the client's own bytes unless a repair changed the search form."""
        return (
            self.body
            if self.upstream_search is self.client_search
            else self.upstream_search.form.encode() or self.body
        )


class CacheValidity(NamedTuple):
    """What a cache knows of a fresh answer; `born` and `ends` are seconds since 1970.

    `unchanged` says whether no write through this process has touched it since; `current` asks that of all
    replicas and is None where there are none.
    """

    stored_at: float
    expires_at: float
    is_locally_current: Callable[[], bool]
    is_current: Callable[[], Awaitable[bool]] | None = None


class FhirResponse(msgspec.Struct, frozen=True):
    """An answer on its way to the client; `repairs` names what was mended on the way.

    A Bundle that was opened travels as `bundle` and stands for the body. `pages` leads from the relation of
    a link to a position, where they are known; `ignored` names parameters the upstream did not use; `kept`
    is there if a cache gave the answer. `unlinked`: the body is a Bundle that wants links (`bundle.linked`).
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    applied_repairs: tuple[str, ...] = ()
    bundle: Bundle | None = None
    page_positions: Mapping[str, Position] | None = None
    ignored_parameters: frozenset[str] = frozenset()
    cache_validity: CacheValidity | None = None
    links_omitted: bool = False

    def header(self, name: str) -> str:
        """The first value of a header (lower-case name), or an empty string."""
        return _first_value(self.headers, name)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields replaced."""
        return _replace_fields(self, **changes)

    def with_parsed_bundle(self) -> Self:
        """The answer with its body opened if it is a Bundle. Raises UnreadableError."""
        if self.bundle is not None or b'"Bundle"' not in self.body:
            return self
        fields = utf8_object_fields(self.body)
        return (
            _replace_fields(self, bundle=bundle_from_fields(fields))
            if string_value(fields.get("resourceType")) == "Bundle"
            else self
        )

    def with_bundle(self, new_bundle: Bundle) -> Self:
        """The answer with another Bundle for a body."""
        return self if new_bundle is self.bundle else _replace_fields(self, bundle=new_bundle, body=b"")

    def with_encoded_body(self) -> Self:
        """The answer as bytes."""
        return self if self.body or self.bundle is None else _replace_fields(self, body=self.bundle.encode())

    def with_header(self, name: str, value: str) -> Self:
        """A copy in which this header has this one value."""
        kept = tuple(each for each in self.headers if each[0] != name)
        return _replace_fields(self, headers=(*kept, (name, value)))


Handler = Callable[[FhirRequest], Awaitable[FhirResponse]]


def _first_value(headers: Headers, name: str) -> str:
    for key, value in headers:
        if key == name:
            return value
    return ""


_SAFE_METHODS = frozenset({"GET", "HEAD"})


def may_write(request: FhirRequest) -> bool:
    """Whether a request changes data, or may: what an operation or a SQL query does, nobody knows here."""
    unknown = request.interaction.code in {"operation", "other"} and request.method not in _SAFE_METHODS
    return request.interaction.is_write or unknown
