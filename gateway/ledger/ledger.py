"""Ledger of billable queries: counts in memory, written by a thread of its own within a second.

Counting never waits for a disk or the network. If the backend cannot be written, `/readyz` reports it, and
the counts wait in memory, one pair of numbers per row, until it can.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

import structlog

from gateway.ledger.cost import BILLABLE_CLASSES, LedgerRow
from gateway.ledger.counts import BillableUsage, Counts, LedgerBackend, PendingCounts

_log = structlog.get_logger()

#: Maximum difference between the current day of any time zone and that of UTC.
_ONE_DAY = timedelta(days=1)


class Ledger:
    """Counts by key, stored in a backend: a file, or the Redis of all replicas."""

    def __init__(
        self,
        backend: LedgerBackend,
        *,
        flush_interval: float = 0.5,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._backend = backend
        self._flush_interval = flush_interval
        self._now = now
        self._pending_counts = PendingCounts()
        self._own_usage: dict[tuple[str, str], tuple[int, int]] = {}
        self._usage_listener: Callable[[BillableUsage], None] | None = None
        self._write_lock = Lock()
        self._close_event = Event()
        self._writer_thread = Thread(target=self._flush_periodically, name="ledger", daemon=True)
        self._problem = ""
        #: Count queries under a key; for any thread, without waiting for disk or Redis.
        self.add = self._pending_counts.add

    def set_usage_listener(self, listener: Callable[[BillableUsage], None]) -> None:
        """Call a listener whenever the billable usage of other and earlier processes changes."""
        self._usage_listener = listener

    def open(self) -> None:
        """Read the billable usage of earlier processes, and start the writer thread."""
        self._flush()
        self._writer_thread.start()

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """All rows of one site or all sites, from an ISO day on.

        Raises sqlite3.Error, or ConnectionError while the Redis of all replicas is down.
        """
        self._flush()
        with self._write_lock:
            return self._backend.rows(site, since)

    async def problem(self) -> str:
        """Problem of the backend, as a text for the operator; empty if there is none."""
        return self._problem

    def close(self) -> None:
        """Write all counts and stop. Counts that cannot be written are lost; the log has their number."""
        self._close_event.set()
        if self._writer_thread.is_alive():
            self._writer_thread.join()
        self._flush()
        with self._write_lock:
            lost = self._pending_counts.queries + self._backend.unpersisted_count
            self._backend.close()
        if lost:
            _log.error("ledger-lost", queries=lost)

    def _flush_periodically(self) -> None:
        while not self._close_event.wait(self._flush_interval):
            self._flush()

    def _flush(self) -> None:
        with self._write_lock:
            try:
                self._persist_counts(self._pending_counts.drain())
                self._backend.flush()
                self._notify_listener()
            except (sqlite3.Error, ConnectionError) as error:
                self._record_failure(error)
            else:
                self._problem = ""

    def _persist_counts(self, counts: Counts) -> None:
        try:
            self._backend.add_counts(counts)
        except sqlite3.Error:
            self._pending_counts.restore(counts)
            raise
        for key, (queries, octets) in counts.items():
            if key.cost in BILLABLE_CLASSES:
                before = self._own_usage.get((key.site, key.day), (0, 0))
                self._own_usage[key.site, key.day] = before[0] + queries, before[1] + octets

    def _notify_listener(self) -> None:
        """Pass the usage of other processes to the listener: that of all, minus that of this process."""
        if self._usage_listener is None:
            return
        since = (self._now() - _ONE_DAY).date().isoformat()
        self._own_usage = {key: amounts for key, amounts in self._own_usage.items() if key[1] >= since}
        usage = self._backend.billable_usage(since)
        if usage is not None:
            self._usage_listener(
                {key: self._subtract_own_usage(key, *amounts) for key, amounts in usage.items()}
            )

    def _subtract_own_usage(self, key: tuple[str, str], queries: int, octets: int) -> tuple[int, int]:
        own_usage = self._own_usage.get(key, (0, 0))
        return queries - own_usage[0], octets - own_usage[1]

    def _record_failure(self, error: sqlite3.Error | ConnectionError) -> None:
        if not self._problem:
            _log.error("ledger-write-failed", exception=type(error).__name__, code=_error_code(error))
        self._problem = f"not written: {_error_code(error)}"
        self._backend.release()


def _error_code(error: sqlite3.Error | ConnectionError) -> str:
    """SQLite's name of an error, such as SQLITE_FULL; its message may contain a path."""
    if isinstance(error, ConnectionError):
        return f"Redis unavailable ({error})"
    return getattr(error, "sqlite_errorname", type(error).__name__)
