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


class Cost(StrEnum):
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
PAID = frozenset({Cost.BILLED, Cost.MAYBE_BILLED})
#: What was answered as well as if it had been paid; a pause answers nothing.
SAVED = frozenset({Cost.HIT, Cost.COLLAPSED, Cost.REVALIDATED, Cost.EMPTY})


class Line(NamedTuple):
    """A line of the ledger: no patient, no value, no key. `day` is ISO 8601 in the site's own zone."""

    day: str
    site: str
    caller: str
    type: str
    interaction: str
    cost: Cost


class Row(NamedTuple):
    """What is counted on a line."""

    line: Line
    queries: int
    octets: int


class Subject(NamedTuple):
    """Who asked where about what: `site` is a Halo GUID, `name` its alias, `caller` an alias, never a key."""

    site: str
    name: str
    zone: tzinfo
    caller: str
    type: str
    interaction: str
    batch: bool = False

    def line(self, cost: Cost, now: datetime) -> Line:
        """The line of the ledger at this time."""
        day = now.astimezone(self.zone).date().isoformat()
        return Line(day, self.site, self.caller, self.type, self.interaction, cost)


_SQL = "queries"
#: Failures that only the practice's data can tell: absent, in conflict, gone, changed meanwhile, too large.
_FOUND_OUT = frozenset({404, 409, 410, 412, 413})
#: Failures that come without asking because asking is known to be in vain.
_PAUSES = frozenset({429, 502, 503})
#: Failures that only somebody else's question can have brought.
_SHARED = frozenset({502, 504})


def chargeable(request: FhirRequest) -> bool:
    """Whether answering takes the practice's database: not for metadata, site status, tokens, pairing."""
    if request.site is None:
        return _SQL in request.path.split("/")
    return request.interaction.code != "capabilities"


def after_answer(request: FhirRequest, response: FhirResponse) -> Cost:
    """What an exchange cost that ended with an upstream's good answer."""
    if not chargeable(request):
        return Cost.FREE
    return Cost.MAYBE_BILLED if response.status == HTTPStatus.NOT_MODIFIED else Cost.BILLED


def after_failure(request: FhirRequest, failure: Failure) -> Cost:
    """What an exchange cost that failed: nothing if unsent, and maybe nothing if not found out."""
    if not chargeable(request) or not failure.kind.sent:
        return Cost.FREE
    return Cost.BILLED if failure.kind.status in _FOUND_OUT else Cost.MAYBE_BILLED


def avoided(request: FhirRequest, response: FhirResponse, *, asked: bool) -> Cost | None:
    """What an answer saved; None when it was `asked` upstream, and so is counted there.

    `Cache-Status` (RFC 9211) goes first: what a cache answers may still be refreshed behind its back.
    """
    said = _said(response.headers)
    same = response.status == HTTPStatus.NOT_MODIFIED
    if said is Cost.HIT or (same and not asked):
        return Cost.REVALIDATED if same else Cost.HIT
    if said or asked:
        return said
    empty = request.interaction.searches and response.status == HTTPStatus.OK
    return Cost.EMPTY if empty else Cost.FREE


def avoided_failure(failure: Failure, *, asked: bool) -> Cost | None:
    """What a failure saved; None when it was `asked` upstream, and so is counted there."""
    said = _said(failure.headers)
    if said or asked:
        return said
    kind = failure.kind
    if failure.received is not None or (kind.sent and kind.status in _SHARED):
        return Cost.COLLAPSED
    return Cost.PAUSED if kind.status in _PAUSES and kind is not catalog.OVERLOADED else Cost.FREE


def _said(headers: Headers) -> Cost | None:
    found = cache_status.avoided(next((value for name, value in headers if name == "cache-status"), ""))
    return Cost(f"avoided:{found}") if found else None
