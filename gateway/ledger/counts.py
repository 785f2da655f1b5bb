"""Counts that wait to be written, and the interface of the ledger's backends."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Protocol

from gateway.ledger.cost import LedgerKey, LedgerRow, counts_against_cap
from gateway.ledger.reader import OpenReader, ReadLimits

#: Key -> queries, bytes.
Counts = Mapping[LedgerKey, tuple[int, int]]
#: Site GUID and ISO day -> billed or possibly billed queries of proved callers, bytes.
BillableUsage = Mapping[tuple[str, str], tuple[int, int]]
#: App and ISO day -> the same.
AppUsageByDay = Mapping[tuple[str, str], tuple[int, int]]


class PendingCounts:
    """Counts in memory, for use by any thread; the lock is held for a few instructions only."""

    def __init__(self) -> None:
        self._amounts: dict[LedgerKey, list[int]] = {}
        self._lock = Lock()

    def add(self, key: LedgerKey, octets: int, queries: int = 1) -> None:
        """Count queries, and all their bytes, under a key."""
        with self._lock:
            amounts = self._amounts.get(key)
            if amounts is None:
                self._amounts[key] = [queries, octets]
            else:
                amounts[0] += queries
                amounts[1] += octets

    def drain(self) -> dict[LedgerKey, tuple[int, int]]:
        """Remove and return all counts."""
        with self._lock:
            drained, self._amounts = self._amounts, {}
        return {key: (queries, octets) for key, (queries, octets) in drained.items()}

    def restore(self, counts: Counts) -> None:
        """Add drained counts again."""
        for key, (queries, octets) in counts.items():
            self.add(key, octets, queries)

    @property
    def queries(self) -> int:
        """Number of waiting queries."""
        with self._lock:
            return sum(queries for queries, _ in self._amounts.values())


class LedgerBackend(Protocol):
    """Storage of the ledger, for one thread at a time. Raises sqlite3.Error, or ConnectionError for Redis."""

    def add_counts(self, counts: Counts) -> None:
        """Add all counts, or none if it raises sqlite3.Error."""
        ...

    def flush(self) -> None:
        """Send waiting counts to the storage that all replicas share."""
        ...

    def open_reader(self, limits: ReadLimits) -> OpenReader:
        """Open a reader of what is stored or waits now, for another thread; opening it is quick."""
        ...

    def billable_usage(self, since: str) -> BillableUsage | None:
        """Billable usage of all processes from an ISO day on; None if it is unchanged since the last call."""
        ...

    def app_usage(self, since: str) -> AppUsageByDay:
        """Billable usage of all processes by app and day, from an ISO day on."""
        ...

    def claim(self, notice: str) -> bool:
        """Whether this call is the first of all processes, ever, that claims a notice; it is stored."""
        ...

    @property
    def unpersisted_count(self) -> int:
        """Number of queries that would be lost if this process ended now."""
        ...

    def release(self) -> None:
        """Close files and connections, which are opened again when needed; keep the counts in memory."""
        ...

    def close(self) -> None:
        """Close files and connections, and drop the counts in memory."""
        ...


def sorted_rows(counts: Counts) -> list[LedgerRow]:
    """Convert counts to rows, in the ledger's order: by day, site, caller, type, class, app."""
    rows = (LedgerRow(key, *amounts) for key, amounts in counts.items())
    return sorted(rows, key=lambda row: (row.key[:4], row.key.cost, row.key.app))


def merge_rows(rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    """Rows with equal keys added up, in the ledger's order."""
    sums = PendingCounts()
    for row in rows:
        sums.add(row.key, row.octets, row.queries)
    return sorted_rows(sums.drain())


def total_counts(counts: Counts) -> dict[LedgerKey, tuple[int, int]]:
    """Return the counts without their apps, added up."""
    sums = PendingCounts()
    for key, (queries, octets) in counts.items():
        sums.add(key.total, octets, queries)
    return sums.drain()


def app_counts(counts: Counts) -> dict[LedgerKey, tuple[int, int]]:
    """Return the counts of apps alone."""
    return {key: amounts for key, amounts in counts.items() if key.app}


def sum_app_usage(rows: Iterable[LedgerRow]) -> dict[tuple[str, str], tuple[int, int]]:
    """Billable usage of rows with an app, by app and day: queries of proved callers, as for caps."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for key, queries, octets in rows:
        if key.app and counts_against_cap(key.caller, key.cost):
            before = sums.get((key.app, key.day), (0, 0))
            sums[key.app, key.day] = before[0] + queries, before[1] + octets
    return sums


def split_by_app(totals: Iterable[LedgerRow], parts: Iterable[LedgerRow]) -> list[LedgerRow]:
    """Split totals into the parts of apps, and one without app for the rest; the sums are the totals.

    The rest is what a process without apps has counted. Parts without their total, or above it, are left out:
    their total was deleted because of its age.
    """
    parts_by_total: dict[LedgerKey, list[LedgerRow]] = defaultdict(list)
    for part in parts:
        parts_by_total[part.key.total].append(part)
    split: list[LedgerRow] = []
    for total in totals:
        own = parts_by_total.get(total.key, [])
        queries = total.queries - sum(part.queries for part in own)
        octets = total.octets - sum(part.octets for part in own)
        if queries < 0 or octets < 0:
            own, queries, octets = [], total.queries, total.octets
        rest = [LedgerRow(total.key, queries, octets)] if queries or octets else []
        split += [*rest, *own]
    return sorted_rows({row.key: (row.queries, row.octets) for row in split})
