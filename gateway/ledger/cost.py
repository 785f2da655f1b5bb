"""What an exchange cost or saved: its class, and the line of the ledger it is counted on.

What Halo bills for is not published in detail; `docs/ledger.md` says what is assumed here.
"""

from datetime import datetime, tzinfo
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Headers
from gateway.http import cache_status


class CostClass(StrEnum):
    """The classes of exchanges; each exchange is in one."""

    BILLED = "billed"  # the practice's database was asked and answered
    MAYBE_BILLED = "maybe-billed"  # asked, and nobody knows whether it answered in time to be charged
    FREE = "free"  # the practice's database was not asked
    HIT = "avoided:hit"
    COLLAPSED = "avoided:collapsed"
    REVALIDATED = "avoided:revalidated"
    EMPTY = "avoided:empty"
    PAUSED = "avoided:paused"


#: What counts against a practice's caps, and may stand on the invoice.
BILLABLE_CLASSES = frozenset({CostClass.BILLED, CostClass.MAYBE_BILLED})
#: What was answered as well as if it had been paid; a pause answers nothing.
SAVED_CLASSES = frozenset({CostClass.HIT, CostClass.COLLAPSED, CostClass.REVALIDATED, CostClass.EMPTY})


class LedgerKey(NamedTuple):
    """A line of the ledger: no patient, no value, no key. `day` is ISO 8601 in the site's own zone."""

    day: str
    site: str
    caller: str
    type: str
    interaction: str
    cost: CostClass


class LedgerRow(NamedTuple):
    """What is counted on a line."""

    key: LedgerKey
    queries: int
    octets: int


class Attribution(NamedTuple):
    """Who asked where about what: `site` is a Halo GUID, `name` its alias, `caller` an alias, never a key."""

    site: str
    name: str
    zone: tzinfo
    caller: str
    type: str
    interaction: str
    is_batch: bool = False

    def ledger_key(self, cost: CostClass, now: datetime) -> LedgerKey:
        """The line of the ledger at this time."""
        day = now.astimezone(self.zone).date().isoformat()
        return LedgerKey(day, self.site, self.caller, self.type, self.interaction, cost)


_SQL_SEGMENT = "queries"
#: Failures that only the practice's data can tell: absent, in conflict, gone, changed meanwhile, too large.
_BILLED_FAILURE_STATUSES = frozenset({404, 409, 410, 412, 413})
#: Failures that come without asking because asking is known to be in vain.
_REJECTION_STATUSES = frozenset({429, 502, 503})
#: Failures that only somebody else's question can have brought.
_SHARED_FAILURE_STATUSES = frozenset({502, 504})


def is_billable(request: FhirRequest) -> bool:
    """Whether answering takes the practice's database: not for metadata, site status, tokens, pairing."""
    if request.site is None:
        return _SQL_SEGMENT in request.path.split("/")
    return request.interaction.code != "capabilities"


def cost_of_response(request: FhirRequest, response: FhirResponse) -> CostClass:
    """What an exchange cost that ended with an upstream's good answer."""
    if not is_billable(request):
        return CostClass.FREE
    return CostClass.MAYBE_BILLED if response.status == HTTPStatus.NOT_MODIFIED else CostClass.BILLED


def cost_of_failure(request: FhirRequest, failure: Failure) -> CostClass:
    """What an exchange cost that failed: nothing if unsent, and maybe nothing if not found out."""
    if not is_billable(request) or not failure.kind.may_have_run:
        return CostClass.FREE
    return CostClass.BILLED if failure.kind.status in _BILLED_FAILURE_STATUSES else CostClass.MAYBE_BILLED


def saving_of_response(
    request: FhirRequest, response: FhirResponse, *, has_upstream_request: bool
) -> CostClass | None:
    """What an answer saved; None when it was `asked` upstream, and so is counted there.

    `Cache-Status` (RFC 9211) goes first: what a cache answers may still be refreshed behind its back.
    """
    said = _saving_in_cache_status(response.headers)
    same = response.status == HTTPStatus.NOT_MODIFIED
    if said is CostClass.HIT or (same and not has_upstream_request):
        return CostClass.REVALIDATED if same else CostClass.HIT
    if said or has_upstream_request:
        return said
    empty = request.interaction.is_search and response.status == HTTPStatus.OK
    return CostClass.EMPTY if empty else CostClass.FREE


def saving_of_failure(failure: Failure, *, has_upstream_request: bool) -> CostClass | None:
    """What a failure saved; None when it was `asked` upstream, and so is counted there."""
    said = _saving_in_cache_status(failure.headers)
    if said or has_upstream_request:
        return said
    kind = failure.kind
    if failure.upstream_response is not None or (
        kind.may_have_run and kind.status in _SHARED_FAILURE_STATUSES
    ):
        return CostClass.COLLAPSED
    return (
        CostClass.PAUSED
        if kind.status in _REJECTION_STATUSES and kind is not catalog.GATEWAY_OVERLOADED
        else CostClass.FREE
    )


def _saving_in_cache_status(headers: Headers) -> CostClass | None:
    found = cache_status.upstream_query_saved_by(
        next((value for name, value in headers if name == "cache-status"), "")
    )
    return CostClass(f"avoided:{found}") if found else None
