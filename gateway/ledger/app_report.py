"""Reports of the ledger by app: JSON, a table, and CSV to charge the cost to the apps.

A cost is that of the queries `billed` and `maybe-billed` and their bytes. Each row is rounded to cents by
itself; a total is computed from its own queries and bytes and rounded once, so that it can differ from the
sum of the rows by half a cent per row.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from gateway.ledger.cost import BILLABLE_CLASSES, CostClass, LedgerRow
from gateway.ledger.prices import Prices
from gateway.ledger.report import AmountsByClass, SiteNames, saved_ratio, totals_by_class, totals_object

#: Periods of the rows of CSV, and the length of their ISO text; the first is the default.
PERIODS = ("day", "month")
_LENGTHS = {"day": 10, "month": 7}
COLUMNS = ("period", "app", "site", "name", "billed", "maybe-billed", "bytes", "cost", "currency")


def apps_as_json(rows: Sequence[LedgerRow], prices: Prices, as_of: datetime) -> dict[str, Any]:
    """Totals of all apps and of each, as a JSON object; `asOf` is the time of the report."""
    totals = totals_by_class(rows)
    return {
        "asOf": as_of.isoformat(),
        "currency": prices.shown_currency or None,
        **_app_object(totals, prices),
        "apps": [{"app": app, **_app_object(amounts, prices)} for app, amounts in _totals_by_app(rows)],
    }


def charge_back_csv(
    rows: Iterable[LedgerRow], names: SiteNames, prices: Prices, period: str = PERIODS[0]
) -> str:
    """One row per period, app and site with billable queries, with a header line, as CSV (RFC 4180)."""
    length = _LENGTHS[period]
    billable = (row for row in rows if row.key.cost in BILLABLE_CLASSES)
    groups = _group(billable, lambda row: (row.key.day[:length], row.key.app, row.key.site))
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for (first, app, site), group in groups:
        cells = _cost_cells(totals_by_class(group), prices)
        writer.writerow((first, app, site, names.get(site, ""), *cells, prices.shown_currency))
    return text.getvalue()


def apps_as_table(rows: Sequence[LedgerRow], prices: Prices) -> str:
    """Table for a terminal, with one line per app, and a total."""
    lines = [(app or "-", *_table_cells(amounts, prices)) for app, amounts in _totals_by_app(rows)]
    total = ("total", *_table_cells(totals_by_class(rows), prices))
    header = ("APP", "BILLED", "MAYBE", "BYTES PAID", f"COST {prices.shown_currency}".strip(), "SAVED")
    return "\n".join(_TABLE_FORMAT.format(*line) for line in (header, *lines, total))


_TABLE_FORMAT = "{:<31} {:>9} {:>9} {:>16} {:>14} {:>6}"


def _totals_by_app(rows: Iterable[LedgerRow]) -> list[tuple[str, AmountsByClass]]:
    return [(app, totals_by_class(group)) for (app,), group in _group(rows, lambda row: (row.key.app,))]


def _group(
    rows: Iterable[LedgerRow], key_of: Callable[[LedgerRow], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], list[LedgerRow]]]:
    groups: dict[tuple[str, ...], list[LedgerRow]] = defaultdict(list)
    for row in rows:
        groups[key_of(row)].append(row)
    return sorted(groups.items())


def _app_object(amounts: AmountsByClass, prices: Prices) -> dict[str, Any]:
    return {**totals_object(amounts), "cost": _cost_cells(amounts, prices)[-1] or None}


def _cost_cells(amounts: AmountsByClass, prices: Prices) -> tuple[int, int, int, str]:
    """Billed and maybe-billed queries, bytes of both, and their cost."""
    billed, maybe = amounts[CostClass.BILLED], amounts[CostClass.MAYBE_BILLED]
    octets = billed.octets + maybe.octets
    return billed.queries, maybe.queries, octets, prices.cost_text(billed.queries + maybe.queries, octets)


def _table_cells(amounts: AmountsByClass, prices: Prices) -> tuple[str, ...]:
    return (*map(str, _cost_cells(amounts, prices)), f"{saved_ratio(amounts):.0%}")
