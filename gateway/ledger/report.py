"""Rows of the ledger as an operator reads them: a table, CSV to set beside an invoice, or JSON."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from io import StringIO
from typing import Any, NamedTuple

from gateway.ledger.cost import PAID, SAVED, Cost, Row

#: Site GUID -> alias.
Names = Mapping[str, str]


class Amount(NamedTuple):
    """Queries, and bytes of their answers."""

    queries: int = 0
    octets: int = 0

    def plus(self, row: Row) -> "Amount":
        """The sum with one row."""
        return Amount(self.queries + row.queries, self.octets + row.octets)


Amounts = Mapping[Cost, Amount]

COLUMNS = ("day", "site", "name", "caller", "type", "interaction", "class", "queries", "bytes")


def totals(rows: Iterable[Row]) -> Amounts:
    """What each class comes to; classes without rows are there with zero."""
    found = dict.fromkeys(Cost, Amount())
    for row in rows:
        found[row.line.cost] = found[row.line.cost].plus(row)
    return found


def by_day(rows: Iterable[Row]) -> dict[tuple[str, str], Amounts]:
    """Totals by day and site, in this order: what a daily cap and an invoice per practice are about."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.line.day, row.line.site].append(row)
    return {key: totals(groups[key]) for key in sorted(groups)}


def saved_share(amounts: Amounts) -> float:
    """The part of all answered queries that was not paid: 0.75 is three in four."""
    saved = sum(amounts[each].queries for each in SAVED)
    paid = sum(amounts[each].queries for each in PAID)
    return saved / (saved + paid) if saved else 0.0


def as_csv(rows: Iterable[Row], names: Names) -> str:
    """Every row, with a head line; RFC 4180."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row, names) for row in rows)
    return text.getvalue()


def as_json(rows: Sequence[Row], names: Names, as_of: datetime) -> dict[str, Any]:
    """Totals, days and rows. `asOf` dates the figures."""
    days = by_day(rows).items()
    return {
        "asOf": as_of.isoformat(),
        **_totals(totals(rows)),
        "days": [
            {"day": day, "site": site, "name": names.get(site, ""), **_totals(each)}
            for (day, site), each in days
        ],
        "rows": [dict(zip(COLUMNS, _cells(row, names), strict=True)) for row in rows],
    }


def as_table(rows: Sequence[Row], names: Names) -> str:
    """One line per day and site, in columns for a terminal."""
    lines = [
        (day, names.get(site) or site or "-", *_figures(each)) for (day, site), each in by_day(rows).items()
    ]
    return "\n".join(_TABLE.format(*line) for line in (_HEAD, *lines, ("total", "", *_figures(totals(rows)))))


_SHOWN = {
    "BILLED": Cost.BILLED,
    "MAYBE": Cost.MAYBE_BILLED,
    "FREE": Cost.FREE,
    "HIT": Cost.HIT,
    "COLLAPSED": Cost.COLLAPSED,
    "REVALIDATED": Cost.REVALIDATED,
    "EMPTY": Cost.EMPTY,
    "PAUSED": Cost.PAUSED,
}
_HEAD = ("DAY", "SITE", *_SHOWN, "BYTES PAID", "SAVED")
_TABLE = "{:<10} {:<36} {:>8} {:>6} {:>6} {:>8} {:>9} {:>11} {:>6} {:>6} {:>14} {:>6}"


def _figures(amounts: Amounts) -> tuple[str, ...]:
    paid = sum(amounts[each].octets for each in PAID)
    counts = (str(amounts[each].queries) for each in _SHOWN.values())
    return (*counts, str(paid), f"{saved_share(amounts):.0%}")


def _totals(amounts: Amounts) -> dict[str, Any]:
    found = {str(cost): {"queries": each.queries, "bytes": each.octets} for cost, each in amounts.items()}
    return {"totals": found, "savedShare": round(saved_share(amounts), 4)}


def _cells(row: Row, names: Names) -> tuple[str | int, ...]:
    day, site, *rest = row.line
    return day, site, names.get(site, ""), *map(str, rest), row.queries, row.octets
