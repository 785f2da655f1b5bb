"""The ledger: counted in memory, kept at most a second behind by a thread of its own.

Counting never waits for a disk or another machine. A place that cannot be written delays the ledger and
is said in `/readyz`; what is counted meanwhile waits, one pair of numbers per line, until it can be.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

import structlog

from gateway.ledger.cost import BILLABLE_CLASSES, LedgerRow
from gateway.ledger.counts import BillableUsage, Counts, LedgerBackend, PendingCounts

_log = structlog.get_logger()

#: No zone's day is further behind that of UTC.
_ONE_DAY = timedelta(days=1)


class Ledger:
    """Counts by line, kept in a place: a file, or the Redis of all replicas."""

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
        #: Counts on a line, from any thread, and waits for neither disk nor Redis.
        self.add = self._pending_counts.add

    def set_usage_listener(self, listener: Callable[[BillableUsage], None]) -> None:
        """Tell what other processes, and earlier ones, paid by site and day, whenever that changes."""
        self._usage_listener = listener

    def open(self) -> None:
        """Find out what was paid before, and start writing."""
        self._flush()
        self._writer_thread.start()

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """What is counted up to now, of one site or all, from an ISO day on.

        Raises sqlite3.Error, and ConnectionError while the ledger of all replicas is away.
        """
        self._flush()
        with self._write_lock:
            return self._backend.rows(site, since)

    async def problem(self) -> str:
        """What is wrong with the place, in words for an operator; empty while it works."""
        return self._problem

    def close(self) -> None:
        """Write everything and end. Only what cannot be written is lost, and the log says how much."""
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
            except (sqlite3.Error, ConnectionError) as problem:
                self._record_failure(problem)
            else:
                self._problem = ""

    def _persist_counts(self, counts: Counts) -> None:
        try:
            self._backend.add_counts(counts)
        except sqlite3.Error:
            self._pending_counts.restore(counts)
            raise
        for line, (queries, octets) in counts.items():
            if line.cost in BILLABLE_CLASSES:
                before = self._own_usage.get((line.site, line.day), (0, 0))
                self._own_usage[line.site, line.day] = before[0] + queries, before[1] + octets

    def _notify_listener(self) -> None:
        """Tell what others paid: all that is kept, less what was counted here."""
        if self._usage_listener is None:
            return
        since = (self._now() - _ONE_DAY).date().isoformat()
        self._own_usage = {key: amounts for key, amounts in self._own_usage.items() if key[1] >= since}
        paid = self._backend.billable_usage(since)
        if paid is not None:
            self._usage_listener(
                {key: self._subtract_own_usage(key, *amounts) for key, amounts in paid.items()}
            )

    def _subtract_own_usage(self, key: tuple[str, str], queries: int, octets: int) -> tuple[int, int]:
        mine = self._own_usage.get(key, (0, 0))
        return queries - mine[0], octets - mine[1]

    def _record_failure(self, error: sqlite3.Error | ConnectionError) -> None:
        if not self._problem:
            _log.error("ledger-write-failed", exception=type(error).__name__, code=_error_code(error))
        self._problem = f"not written: {_error_code(error)}"
        self._backend.release()


def _error_code(error: sqlite3.Error | ConnectionError) -> str:
    """SQLite's own name of an error, such as SQLITE_FULL: its words may hold a path."""
    if isinstance(error, ConnectionError):
        return f"Redis is away ({error})"
    return getattr(error, "sqlite_errorname", type(error).__name__)
