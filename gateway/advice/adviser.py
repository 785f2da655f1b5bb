"""Adviser: the findings in the shape log, each with its price a day and the cheaper call."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from gateway.advice.patterns import PATTERNS, Finding
from gateway.advice.shape_log import ShapeRecord

#: Pieces of advice in one answer: the dearest ones.
MAX_ADVICE: Final = 100
_DAY_SECONDS: Final = 86_400.0
#: Seconds that an observation counts as at least: a few minutes say nothing about a day.
_MIN_OBSERVED_SECONDS: Final = 3_600.0

#: What each finding means, for whoever writes the app.
TEXTS: Final = {
    "reads-one-by-one": "The app reads the rows of a list one by one. Include them in the search that gives"
    " the list (_include), or read several ids at once, if the practice's CapabilityStatement permits it.",
    "loops-over-windows": "The app asks for one window of time after the other. One search with a longer"
    " window gives the same records.",
    "polls-too-often": "The app asks for the same list more often than a reader of a screen needs.",
    "walks-in-tiny-pages": "The app reads a list in pages of one or two entries. Each page is a query.",
    "repeats-whole-lists": "The app reads a whole list again and again. Ask for what has changed since the"
    " last time, and from time to time for the whole list: what was deleted is not among the changes.",
    "spells-differently": "Apps send the same search in different ways, so that each has a stored response"
    " of its own.",
}


class Prices(NamedTuple):
    """Prices of a query and of 1,000,000 bytes in a currency; None: unknown."""

    query: float | None = None
    megabyte: float | None = None
    currency: str = "AUD"

    def cost(self, queries: float, octets: float) -> float | None:
        """Cost of queries and bytes; None if no price is known."""
        if self.query is None and self.megabyte is None:
            return None
        return round(queries * (self.query or 0) + octets / 1e6 * (self.megabyte or 0), 2)


NO_PRICES = Prices()


class Advice(NamedTuple):
    """A finding with what it costs a day, if the app goes on in the same way."""

    finding: Finding
    queries_per_day: float
    bytes_per_day: float
    cost_per_day: float | None

    def as_json(self, site_name: str, currency: str) -> dict[str, Any]:
        """Return the advice as an object of `GET /admin/advice`."""
        finding, record = self.finding, self.finding.record
        return {
            "id": finding.id,
            "app": record.app or None,
            "caller": record.caller,
            "site": site_name,
            "shape": record.shape,
            "requests": finding.requests,
            "queries": finding.paid,
            "perDay": {
                "queries": round(self.queries_per_day),
                "bytes": round(self.bytes_per_day),
                "cost": self.cost_per_day,
                "currency": currency,
            },
            "text": TEXTS[finding.id],
            "instead": finding.instead,
        }


def advise(records: Iterable[ShapeRecord], now: float, prices: Prices = NO_PRICES) -> list[Advice]:
    """Return what would be cheaper, the dearest first; `now` in seconds of the log's clock."""
    log = list(records)
    if not log:
        return []
    days = max(now - log[0].at, _MIN_OBSERVED_SECONDS) / _DAY_SECONDS
    findings = (finding for pattern in PATTERNS for finding in pattern(log))
    advice = [_price_a_day(finding, days, prices) for finding in findings]
    return sorted(advice, key=lambda each: (-each.queries_per_day, -each.bytes_per_day))[:MAX_ADVICE]


def _price_a_day(finding: Finding, days: float, prices: Prices) -> Advice:
    queries, octets = finding.saved / days, finding.saved_octets / days
    return Advice(finding, queries, octets, prices.cost(queries, octets))
