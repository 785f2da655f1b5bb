"""Request and response: the two frozen records that pass through the gateway, and the handler type."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from math import inf
from typing import Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

import msgspec

from gateway.cache_validity import CacheValidity
from gateway.dates.instants import InstantOutput, LabelMode
from gateway.dates.plan import DatePlan
from gateway.dates.support import DateSearchSupport
from gateway.fhir.bundle import Bundle, bundle_from_fields
from gateway.fhir.interaction import SAFE_METHODS, Interaction
from gateway.fhir.raw_json import string_value, utf8_object_fields
from gateway.fhir.resource_types import FhirVersion
from gateway.fhir.search_params import NO_PARAMETERS, JudgedCriteria, SearchParams
from gateway.request_effects import RequestEffects
from gateway.trace_context import RequestTrace

#: The records are msgspec structs, because most handlers copy them: a copy costs a tenth of a dataclass copy.
_replace_fields = msgspec.structs.replace

#: Header fields in order, names in lower case.
Headers = tuple[tuple[str, str], ...]
#: Result of a search for inactive records: an error, or a searchset that says it is incomplete.
InactiveRecords = Literal["refuse", "empty"]

EPOCH = datetime.fromtimestamp(0, UTC)
#: Date search support that is assumed for an upstream without probe results.
DEFAULT_DATE_SUPPORT = DateSearchSupport()


@dataclass(frozen=True, slots=True)
class Site:
    """One practice: Halo GUID, IANA time zone, alias, disabled repairs, and properties of its upstream.

    `last_updated_input`: label of `meta.lastUpdated` in upstream responses, by resource type or `*`;
    `last_updated_output`: its form in responses to clients. `inactive_records`: result of a search for
    inactive records. `unlisted_capabilities`: what the upstream can do but does not list. `verified_by`: how
    its date settings were found; empty if it was never probed. `engine_version`: of the site's FHIR
    engine, or of a mount's software, as this process knows it; empty if it does not. `is_mount`: it is a
    whole upstream that is no Halo Connect, known by its base URL alone. `fhir_version`: that of its FHIR.
    """

    guid: str
    zone: ZoneInfo
    name: str = ""
    disabled_repairs: frozenset[str] = frozenset()
    date_support: DateSearchSupport = DEFAULT_DATE_SUPPORT
    last_updated_input: Mapping[str, LabelMode] = field(default_factory=dict)
    last_updated_output: InstantOutput = "utc"
    inactive_records: InactiveRecords = "refuse"
    unlisted_capabilities: frozenset[str] = frozenset()
    verified_by: str = ""
    engine_version: str = ""
    is_mount: bool = False
    fhir_version: FhirVersion = "4.0"


@dataclass(frozen=True, slots=True)
class Position:
    """Position of a page in the result of one search.

    `part` is the index of the upstream search, if the search was split. `upstream_link` is the upstream's
    own link without the FHIR base, empty at the start of a part. `needs_filter`: the upstream ignored a date
    criterion on an earlier page, so that the gateway filters this page, too. `visited`: digests of earlier
    pages (`paging/visited_pages.py`); the page is the same without them. `is_backward`: the page ends where
    the client's last page began, also if it must be made smaller.
    """

    part: int = 0
    upstream_link: str = ""
    needs_filter: bool = False
    visited: bytes = field(default=b"", compare=False)
    is_backward: bool = field(default=False, compare=False)


START = Position()


class SearchPlan(NamedTuple):
    """Execution plan of a search.

    `split_searches`: upstream searches that its `date_plans` need, empty if provably nothing matches; None if
    one upstream search is enough. `position`: start of the requested page. `judged`: what each match must
    meet, whichever upstream search returned it.
    """

    split_searches: tuple[SearchParams, ...] | None = None
    date_plans: tuple[DatePlan, ...] = ()
    position: Position = START
    judged: tuple[JudgedCriteria, ...] = ()


class SendPermit(NamedTuple):
    """Permit to send one upstream request under a key; `sent_at` in seconds, None after its use."""

    key: str
    sent_at: float | None = None


class UpstreamUse(NamedTuple):
    """Upstream requests behind a response or failure: number, and seconds of those that were not repeated.

    `queries`: how many of the requests may be billed.
    """

    requests: int = 0
    seconds: float = 0.0
    queries: int = 0

    def plus(self, other: "UpstreamUse") -> "UpstreamUse":
        """Sum of both."""
        return UpstreamUse(
            self.requests + other.requests, self.seconds + other.seconds, self.queries + other.queries
        )


NO_USE = UpstreamUse()


class FhirRequest(msgspec.Struct, frozen=True, dict=True):
    """A client's request, checked and parsed.

    `client_search` is the client's own search and never changes; `upstream_search` follows `plan`. `path` is
    relative to the base (`Patient/1`). `public_base` and `upstream_base` are the absolute URLs of the same
    FHIR base on the gateway and on the upstream, without a trailing slash. `response_format` is a media type.
    `client_address` is for limits only. `caller` is the caller's identity at the upstream; read it by
    `http.proved_callers.caller_of`. `app` is the name of the app that sent it, `other` if it is of none, and
    empty if no apps are configured. `deadline` ends all waits except upstream requests, in seconds of a
    monotonic clock. `send_permit` comes from the rate limiter. `trace` is None if traces are off.
    `effects`: what it has caused so far.
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
    plan: SearchPlan = SearchPlan()
    headers: Headers = ()
    body: bytes = b""
    request_id: str = ""
    client_address: str = ""
    caller: str = ""
    app: str = ""
    received_at: datetime = EPOCH
    deadline: float = inf
    send_permit: SendPermit | None = None
    trace: RequestTrace | None = None
    effects: RequestEffects | None = None

    def header(self, name: str) -> str:
        """Return the first value of a header (lower-case name), or an empty string."""
        return _first_value(self.headers, name)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields replaced."""
        return _replace_fields(self, **changes)

    def with_plan(self, **changes: Any) -> Self:
        """Return a copy with some fields of the plan replaced."""
        return _replace_fields(self, plan=self.plan._replace(**changes))

    def with_used_permit(self) -> Self:
        """Return a copy for a further attempt, which needs a new permit."""
        permit = self.send_permit
        return _replace_fields(self, send_permit=permit._replace(sent_at=None)) if permit else self

    def after(self, use: UpstreamUse) -> Self:
        """Return a copy for a further upstream request; the time of earlier ones is not waiting time."""
        return _replace_fields(self, deadline=self.deadline + use.seconds) if use.seconds else self

    @property
    def asked_site(self) -> Site | None:
        """Site whose practice the request asks; None if Halo Cloud answers it alone."""
        return self.site if self.interaction.asks_practice else None

    @cached_property
    def upstream_url(self) -> str:
        """Absolute URL of the upstream request."""
        url = f"{self.upstream_base}/{self.path}" if self.path else self.upstream_base
        return f"{url}?{self.upstream_search.query}" if self.upstream_search.query else url

    @property
    def is_mounted(self) -> bool:
        """Whether the upstream is known by its base URL alone, because it is no practice."""
        return self.site is not None and self.site.is_mount

    @cached_property
    def base_prefixes(self) -> tuple[tuple[tuple[str, str], int], ...]:
        """Prefixes of URLs on the public and on the upstream base, and the length of that base."""
        bases = (self.public_base, self.upstream_base)
        return tuple(((f"{base}/", f"{base}?"), len(base)) for base in bases)

    @cached_property
    def upstream_body(self) -> bytes:
        """Body of the upstream request: the client's own bytes, or the search form that plans left."""
        is_form = self.method == "POST" and self.interaction.is_search
        is_changed = self.upstream_search is not self.client_search
        return self.upstream_search.form.encode() if is_form and is_changed else self.body


class Paging(NamedTuple):
    """Positions of further pages by link relation; `links_omitted`: the body of the response has no links."""

    page_positions: Mapping[str, Position]
    links_omitted: bool = False


class FhirResponse(msgspec.Struct, frozen=True):
    """A response on its way to the client.

    A parsed Bundle travels as `bundle` and stands for the body. `paging` is there if the positions of further
    pages are known, `cache_validity` if a cache gave the response. `ignored_parameters`: those that the
    upstream did not use. `upstream_use`: the upstream requests that this client's request caused.
    `failure_code`: that of the failure which the response reports. `trace_id`: for the log, if traces are on.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    applied_repairs: tuple[str, ...] = ()
    bundle: Bundle | None = None
    paging: Paging | None = None
    ignored_parameters: frozenset[str] = frozenset()
    cache_validity: CacheValidity | None = None
    upstream_use: UpstreamUse = NO_USE
    failure_code: str = ""
    trace_id: str = ""

    def header(self, name: str) -> str:
        """Return the first value of a header (lower-case name), or an empty string."""
        return _first_value(self.headers, name)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields replaced."""
        return _replace_fields(self, **changes)

    def with_upstream_use(self, use: UpstreamUse) -> Self:
        """Return a copy that names the upstream requests behind it; itself if it names these already."""
        return self if use == self.upstream_use else _replace_fields(self, upstream_use=use)

    def with_parsed_bundle(self) -> Self:
        """Return a copy with its body parsed if it is a Bundle, else itself. Raises UnreadableError."""
        if self.bundle is not None or b'"Bundle"' not in self.body:
            return self
        fields = utf8_object_fields(self.body)
        return (
            _replace_fields(self, bundle=bundle_from_fields(fields))
            if string_value(fields.get("resourceType")) == "Bundle"
            else self
        )

    def with_bundle(self, new_bundle: Bundle) -> Self:
        """Return a copy with another Bundle as its body."""
        return self if new_bundle is self.bundle else _replace_fields(self, bundle=new_bundle, body=b"")

    def with_encoded_body(self) -> Self:
        """Return a copy with its Bundle encoded in the body."""
        return self if self.body or self.bundle is None else _replace_fields(self, body=self.bundle.encode())

    def with_header(self, name: str, value: str) -> Self:
        """Return a copy in which this header has only this value."""
        other_fields = tuple(field for field in self.headers if field[0] != name)
        return _replace_fields(self, headers=(*other_fields, (name, value)))


Handler = Callable[[FhirRequest], Awaitable[FhirResponse]]
#: Interactions that may change data by any method but GET and HEAD.
_UNKNOWN_EFFECT = frozenset({"operation", "sql", "other"})


def _first_value(headers: Headers, name: str) -> str:
    for key, value in headers:
        if key == name:
            return value
    return ""


def may_write(request: FhirRequest) -> bool:
    """Whether a request may change data; the effect of an operation or a SQL query is mostly unknown."""
    interaction = request.interaction
    is_unknown = interaction.code in _UNKNOWN_EFFECT and request.method not in SAFE_METHODS
    return interaction.is_write or (is_unknown and not interaction.only_reads)


def may_repeat(request: FhirRequest) -> bool:
    """Whether a request may be sent again without its client; SQL by POST never, even if it only reads."""
    is_sql_post = request.interaction.code == "sql" and request.method not in SAFE_METHODS
    return not may_write(request) and not is_sql_post
