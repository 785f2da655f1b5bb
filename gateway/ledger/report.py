"""Reports of the ledger for operators: a table, CSV to compare with an invoice, or JSON."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from io import StringIO
from typing import Any, NamedTuple

from gateway.ledger.cost import BILLABLE_CLASSES, SAVED_CLASSES, CostClass, LedgerRow

#: Site GUID -> alias.
SiteNames = Mapping[str, str]


class Amount(NamedTuple):
    """Queries, and bytes of their responses."""

    queries: int = 0
    octets: int = 0

    def with_row(self, row: LedgerRow) -> "Amount":
        """Sum with one row."""
        return Amount(self.queries + row.queries, self.octets + row.octets)


AmountsByClass = Mapping[CostClass, Amount]

COLUMNS = ("day", "site", "name", "caller", "type", "interaction", "class", "queries", "bytes")


def totals_by_class(rows: Iterable[LedgerRow]) -> AmountsByClass:
    """Totals of all classes; zero for classes without rows."""
    totals = dict.fromkeys(CostClass, Amount())
    for row in rows:
        totals[row.key.cost] = totals[row.key.cost].with_row(row)
    return totals


def totals_by_day(rows: Iterable[LedgerRow]) -> dict[tuple[str, str], AmountsByClass]:
    """Totals by day and site, in this order, as daily caps and invoices per practice need them."""
    groups: dict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
    for row in rows:
        groups[row.key.day, row.key.site].append(row)
    return {key: totals_by_class(groups[key]) for key in sorted(groups)}


def saved_ratio(amounts: AmountsByClass) -> float:
    """Return the saved share of all saved and billable queries, from 0 to 1."""
    saved = sum(amounts[cost].queries for cost in SAVED_CLASSES)
    paid = sum(amounts[cost].queries for cost in BILLABLE_CLASSES)
    return saved / (saved + paid) if saved else 0.0


def as_csv(rows: Iterable[LedgerRow], names: SiteNames) -> str:
    """All rows with a header line, as CSV (RFC 4180)."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_row_cells(row, names) for row in rows)
    return text.getvalue()


def as_json(rows: Sequence[LedgerRow], names: SiteNames, as_of: datetime) -> dict[str, Any]:
    """Totals, days and rows, as a JSON object; `asOf` is the time of the report."""
    days = totals_by_day(rows).items()
    return {
        "asOf": as_of.isoformat(),
        **totals_object(totals_by_class(rows)),
        "days": [
            {"day": day, "site": site, "name": names.get(site, ""), **totals_object(amounts)}
            for (day, site), amounts in days
        ],
        "rows": [dict(zip(COLUMNS, _row_cells(row, names), strict=True)) for row in rows],
    }


def as_table(rows: Sequence[LedgerRow], names: SiteNames) -> str:
    """Table for a terminal, with one line per day and site, and a total."""
    lines = [
        (day, names.get(site) or site or "-", *_table_cells(amounts))
        for (day, site), amounts in totals_by_day(rows).items()
    ]
    total = ("total", "", *_table_cells(totals_by_class(rows)))
    return "\n".join(_TABLE_FORMAT.format(*line) for line in (_TABLE_HEADER, *lines, total))


_CLASS_COLUMNS = {
    "BILLED": CostClass.BILLED,
    "MAYBE": CostClass.MAYBE_BILLED,
    "FREE": CostClass.FREE,
    "HIT": CostClass.HIT,
    "COLLAPSED": CostClass.COLLAPSED,
    "REVALIDATED": CostClass.REVALIDATED,
    "EMPTY": CostClass.EMPTY,
    "PAUSED": CostClass.PAUSED,
}
_TABLE_HEADER = ("DAY", "SITE", *_CLASS_COLUMNS, "BYTES PAID", "SAVED")
_TABLE_FORMAT = "{:<10} {:<36} {:>8} {:>6} {:>6} {:>8} {:>9} {:>11} {:>6} {:>6} {:>14} {:>6}"


def _table_cells(amounts: AmountsByClass) -> tuple[str, ...]:
    paid = sum(amounts[cost].octets for cost in BILLABLE_CLASSES)
    counts = (str(amounts[cost].queries) for cost in _CLASS_COLUMNS.values())
    return (*counts, str(paid), f"{saved_ratio(amounts):.0%}")


def totals_object(amounts: AmountsByClass) -> dict[str, Any]:
    """Totals by class and the saved share, as a JSON object."""
    totals = {str(cost): {"queries": sums.queries, "bytes": sums.octets} for cost, sums in amounts.items()}
    return {"totals": totals, "savedShare": round(saved_ratio(amounts), 4)}


def _row_cells(row: LedgerRow, names: SiteNames) -> tuple[str | int, ...]:
    day, site, *fields = row.key[:6]
    return day, site, names.get(site, ""), *map(str, fields), row.queries, row.octets
