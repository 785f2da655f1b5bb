"""Sums of one day by caller and by app, for what operators look at every few seconds."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateway.ledger.cost import CostClass, LedgerRow

#: Name of a caller or an app, and cost class -> queries, bytes.
Sums = Mapping[tuple[str, CostClass], tuple[int, int]]


class DaySums(NamedTuple):
    """Sums of all sites: `callers` of every query, `apps` of those that an app has sent."""

    callers: Sums
    apps: Sums


def day_sums(day: str, totals: Iterable[LedgerRow], parts: Iterable[LedgerRow]) -> DaySums:
    """Add up the rows of an ISO day: totals by caller, and the parts of apps by app."""
    callers: dict[tuple[str, CostClass], tuple[int, int]] = {}
    apps: dict[tuple[str, CostClass], tuple[int, int]] = {}
    for row in totals:
        if row.key.day == day:
            _add(callers, (row.key.caller, row.key.cost), row)
    for row in parts:
        if row.key.day == day and row.key.app:
            _add(apps, (row.key.app, row.key.cost), row)
    return DaySums(callers, apps)


def _add(
    sums: dict[tuple[str, CostClass], tuple[int, int]], key: tuple[str, CostClass], row: LedgerRow
) -> None:
    queries, octets = sums.get(key, (0, 0))
    sums[key] = queries + row.queries, octets + row.octets
