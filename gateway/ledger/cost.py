"""Cost class of a request, and the row of the ledger that counts it.

Halo does not publish its billing rules in detail; `docs/ledger.md` lists the assumptions made here.
"""

from datetime import datetime, tzinfo
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Headers
from gateway.http import cache_status
from gateway.http.proved_callers import UNPROVED


class CostClass(StrEnum):
    """Cost classes; each request is in exactly one."""

    BILLED = "billed"  # the practice's database ran a query and returned its result
    MAYBE_BILLED = "maybe-billed"  # a query was sent; whether it ran and is charged is unknown
    FREE = "free"  # no query reached the practice's database
    HALO_CLOUD = "halo-cloud"  # Halo Cloud answered it without the practice: a poll or page of a SQL query
    HIT = "avoided:hit"
    COLLAPSED = "avoided:collapsed"
    REVALIDATED = "avoided:revalidated"
    EMPTY = "avoided:empty"
    PAUSED = "avoided:paused"


#: Classes that may be on the invoice.
BILLABLE_CLASSES = frozenset({CostClass.BILLED, CostClass.MAYBE_BILLED})
#: Classes of requests with a full response but without a query; a rejected request has no such response.
SAVED_CLASSES = frozenset({CostClass.HIT, CostClass.COLLAPSED, CostClass.REVALIDATED, CostClass.EMPTY})


def counts_against_cap(caller: str, cost: CostClass) -> bool:
    """Whether a query counts against its site's caps: those of made-up keys must not use them up."""
    return cost in BILLABLE_CLASSES and caller != UNPROVED


class LedgerKey(NamedTuple):
    """Key of a row: no patient, no search value, no credential. `day` is ISO 8601 in the site's own zone.

    `app` is the name of a configured app or `other`; empty if no apps are configured, and in totals.
    """

    day: str
    site: str
    caller: str
    type: str
    interaction: str
    cost: CostClass
    app: str = ""

    @property
    def total(self) -> "LedgerKey":
        """Key of the row with the total of all apps."""
        return self._replace(app="") if self.app else self


class LedgerRow(NamedTuple):
    """Counts under one key."""

    key: LedgerKey
    queries: int
    octets: int


class Attribution(NamedTuple):
    """Site, caller, type and interaction of a request: `site` is a Halo GUID, `name` and `caller` aliases.

    `is_unproved_site`: no upstream has confirmed the GUID, so that it has no line of its own. `app` as in
    `FhirRequest`.
    """

    site: str
    name: str
    zone: tzinfo
    caller: str
    type: str
    interaction: str
    is_batch: bool = False
    is_unproved_site: bool = False
    app: str = ""

    @property
    def is_unproved(self) -> bool:
        """Whether the caller or the site has no line of its own yet."""
        return self.is_unproved_site or self.caller == UNPROVED

    def ledger_key(self, cost: CostClass, now: datetime) -> LedgerKey:
        """Key of the ledger's row at this time."""
        day = now.astimezone(self.zone).date().isoformat()
        site = UNPROVED if self.is_unproved_site else self.site
        return LedgerKey(day, site, self.caller, self.type, self.interaction, cost, self.app)


#: Failures that require a query: not found, conflict, gone, precondition failed, too large.
_BILLED_FAILURE_STATUSES = frozenset({404, 409, 410, 412, 413})
#: Rejections because of an open circuit, a pause, a rate limit or a cap.
_REJECTION_STATUSES = frozenset({429, 502, 503})
#: Failures that, without an upstream request of this request, come from a coalesced one.
_SHARED_FAILURE_STATUSES = frozenset({502, 504})


def is_billable(request: FhirRequest) -> bool:
    """Whether the request needs the practice's database; metadata, site status, tokens and pairing do not."""
    if request.site is None or not request.interaction.asks_practice:
        return False
    return request.interaction.code != "capabilities"


def cost_before_response(request: FhirRequest) -> CostClass:
    """Cost class of an upstream request as long as its outcome is unknown."""
    if not request.interaction.asks_practice:
        return CostClass.HALO_CLOUD
    return CostClass.MAYBE_BILLED if is_billable(request) else CostClass.FREE


def cost_of_response(request: FhirRequest, response: FhirResponse) -> CostClass:
    """Cost class of an upstream request with a successful response."""
    if not is_billable(request):
        return cost_before_response(request)
    return CostClass.MAYBE_BILLED if response.status == HTTPStatus.NOT_MODIFIED else CostClass.BILLED


def cost_of_failure(request: FhirRequest, failure: Failure) -> CostClass:
    """Cost class of a failed upstream request: free if it was not sent."""
    if not is_billable(request):
        was_sent = failure.kind.may_have_run or failure.upstream_response is not None
        return cost_before_response(request) if was_sent else CostClass.FREE
    if not failure.kind.may_have_run:
        return CostClass.FREE
    if request.interaction.code == "sql" and failure.kind.status == HTTPStatus.NOT_FOUND:
        return CostClass.FREE  # no database says that: Halo Cloud knows no such site or path
    return CostClass.BILLED if failure.kind.status in _BILLED_FAILURE_STATUSES else CostClass.MAYBE_BILLED


def saving_of_response(
    request: FhirRequest, response: FhirResponse, *, has_upstream_request: bool
) -> CostClass | None:
    """Cost class of a response without an upstream request; None if `UpstreamMeter` counts it.

    `Cache-Status` (RFC 9211) comes first: a cache hit may also cause an upstream request in the background.
    """
    saving = _saving_in_cache_status(response.headers)
    is_not_modified = response.status == HTTPStatus.NOT_MODIFIED
    if saving is CostClass.HIT or (is_not_modified and not has_upstream_request):
        return CostClass.REVALIDATED if is_not_modified else CostClass.HIT
    if saving or has_upstream_request:
        return saving
    is_empty = request.interaction.is_search and response.status == HTTPStatus.OK
    return CostClass.EMPTY if is_empty else CostClass.FREE


def saving_of_failure(failure: Failure, *, has_upstream_request: bool) -> CostClass | None:
    """Cost class of a failure without an upstream request; None if `UpstreamMeter` counts it."""
    saving = _saving_in_cache_status(failure.headers)
    if saving or has_upstream_request:
        return saving
    kind = failure.kind
    may_be_shared = kind.may_have_run and kind.status in _SHARED_FAILURE_STATUSES
    if failure.upstream_response is not None or may_be_shared:
        return CostClass.COLLAPSED
    is_rejection = kind.status in _REJECTION_STATUSES and kind is not catalog.GATEWAY_OVERLOADED
    return CostClass.PAUSED if is_rejection else CostClass.FREE


def _saving_in_cache_status(headers: Headers) -> CostClass | None:
    for name, value in headers:
        if name == "cache-status":
            return _saving_in(value)
    return None


@lru_cache(256)
def _saving_in(value: str) -> CostClass | None:
    saving = cache_status.upstream_query_saved_by(value)
    return CostClass(f"avoided:{saving}") if saving else None
