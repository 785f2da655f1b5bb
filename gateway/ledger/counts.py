"""Counts that wait to be written, and the interface of the ledger's backends."""

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Protocol

from gateway.ledger.cost import LedgerKey, LedgerRow

#: Key -> queries, bytes.
Counts = Mapping[LedgerKey, tuple[int, int]]
#: Site GUID and ISO day -> billed or possibly billed queries of proved callers, bytes.
BillableUsage = Mapping[tuple[str, str], tuple[int, int]]


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

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Rows of one site or all, from an ISO day on."""
        ...

    def billable_usage(self, since: str) -> BillableUsage | None:
        """Billable usage of all processes from an ISO day on; None if it is unchanged since the last call."""
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
    """Convert counts to rows, in the ledger's order: by day, site, caller, type, class."""
    rows = (LedgerRow(key, *amounts) for key, amounts in counts.items())
    return sorted(rows, key=lambda row: (row.key[:4], row.key.cost))


def merge_rows(rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    """Rows with equal keys added up, in the ledger's order."""
    sums = PendingCounts()
    for row in rows:
        sums.add(row.key, row.octets, row.queries)
    return sorted_rows(sums.drain())
