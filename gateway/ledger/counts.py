"""The one interface of a place that keeps the ledger's lines."""

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Protocol

from gateway.ledger.cost import LedgerKey, LedgerRow

#: Line -> queries, bytes.
Counts = Mapping[LedgerKey, tuple[int, int]]


class PendingCounts:
    """Safe from any thread; never waits for anything but another's few instructions."""

    def __init__(self) -> None:
        self._amounts: dict[LedgerKey, list[int]] = {}
        self._lock = Lock()

    def add(self, key: LedgerKey, octets: int, queries: int = 1) -> None:
        """Count queries, and all their bytes, on a line."""
        with self._lock:
            amounts = self._amounts.get(key)
            if amounts is None:
                self._amounts[key] = [queries, octets]
            else:
                amounts[0] += queries
                amounts[1] += octets

    def drain(self) -> dict[LedgerKey, tuple[int, int]]:
        """Everything that waits; from here on it does so no more."""
        with self._lock:
            found, self._amounts = self._amounts, {}
        return {line: (queries, octets) for line, (queries, octets) in found.items()}

    def restore(self, counts: Counts) -> None:
        """Let counts wait again, beside what has come in meanwhile."""
        for line, (queries, octets) in counts.items():
            self.add(line, octets, queries)

    @property
    def queries(self) -> int:
        """How many exchanges wait."""
        with self._lock:
            return sum(queries for queries, _ in self._amounts.values())


#: Site GUID and ISO day -> queries, bytes: what was, or may have been, paid.
BillableUsage = Mapping[tuple[str, str], tuple[int, int]]


class LedgerBackend(Protocol):
    """Used by one thread at a time. Raises sqlite3.Error, and ConnectionError for what lies elsewhere."""

    def add_counts(self, counts: Counts) -> None:
        """Add counts, all or none: those that raise sqlite3.Error are not kept."""
        ...

    def flush(self) -> None:
        """Bring what waits to where all replicas see it."""
        ...

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """What is kept, of one site or all, from an ISO day on."""
        ...

    def billable_usage(self, since: str) -> BillableUsage | None:
        """What all processes paid from an ISO day on; None when that is as it was at the last call."""
        ...

    @property
    def unpersisted_count(self) -> int:
        """How many exchanges would be lost if this process ended now."""
        ...

    def release(self) -> None:
        """Close files and connections, which are opened again when needed; keep what is in memory."""
        ...

    def close(self) -> None:
        """Close files and connections, and forget what is in memory."""
        ...


def sorted_rows(counts: Counts) -> list[LedgerRow]:
    """Counts as rows, in the ledger's order: by day, site, caller, type, class."""
    found = (LedgerRow(line, *amounts) for line, amounts in counts.items())
    return sorted(found, key=lambda row: (row.key[:4], row.key.cost))


def merge_rows(parts: Iterable[LedgerRow]) -> list[LedgerRow]:
    """Rows of several places as those of one: equal lines added up."""
    tally = PendingCounts()
    for row in parts:
        tally.add(row.key, row.octets, row.queries)
    return sorted_rows(tally.drain())
