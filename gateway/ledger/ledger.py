"""Ledger of billable queries: counts in memory, written by a thread of its own within a second.

Counting never waits for a disk or the network. If the backend cannot be written, `/readyz` reports it, and
the counts wait in memory, one pair of numbers per row, until it can.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from math import inf
from threading import Event, Lock, Semaphore, Thread
from typing import Final

import structlog

from gateway.ledger.budgets import earliest_day, month_of
from gateway.ledger.caps import KEPT_DAYS, KEPT_MONTHS
from gateway.ledger.cost import LedgerRow, counts_against_cap
from gateway.ledger.counts import AppUsageByDay, BillableUsage, Counts, LedgerBackend, PendingCounts
from gateway.ledger.day_sums import DaySums
from gateway.ledger.reader import MAX_ROWS, LedgerReader, ReadLimits

_log = structlog.get_logger()

#: Claims a notice; whether no process has claimed it before.
Claim = Callable[[str], bool]
#: Site or app, and ISO day; queries, and bytes.
_UsageKey = tuple[str, str]
_Amounts = tuple[int, int]
#: Maximum difference between the current day of any time zone and that of UTC.
_ONE_DAY = timedelta(days=1)
#: Seconds for which Redis may be down, or another process lock the file, before that is a lasting problem.
OUTAGE_SECONDS: Final = 10.0
#: Seconds in which the last counts are written, and between looks of a waiting read whether the ledger ends.
CLOSE_SECONDS: Final = 2.5
_LOCK_SECONDS: Final = 0.1
#: Reads at the same time; more wait.
MAX_READS: Final = 2


class Ledger:
    """Counts by key, stored in a backend: a file, or the Redis of all replicas."""

    def __init__(
        self,
        backend: LedgerBackend,
        *,
        flush_interval: float = 0.5,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        outage_seconds: float = OUTAGE_SECONDS,
        max_rows: int = MAX_ROWS,
    ) -> None:
        self._outage_seconds = outage_seconds
        self._backend = backend
        self._flush_interval = flush_interval
        self._now = now
        self._pending_counts = PendingCounts()
        self._being_written: Counts = {}
        self._own_usage: dict[tuple[str, str], tuple[int, int]] = {}
        self._own_app_usage: dict[tuple[str, str], tuple[int, int]] = {}
        self._usage_listener: Callable[[BillableUsage], None] | None = None
        self._app_listener: Callable[[AppUsageByDay], None] | None = None
        self._announce_due: Callable[[Claim], None] = lambda _: None
        self._write_lock = Lock()
        self._read_places = Semaphore(MAX_READS)
        self._close_event = Event()
        self._read_limits = ReadLimits(max_rows, self._close_event.is_set)
        self._writer_thread = Thread(target=self._flush_periodically, name="ledger", daemon=True)
        self._problem = ""
        #: When the problem began, and seconds after which it is a lasting one.
        self._failing_since, self._grace_seconds = now(), inf
        #: Count queries under a key; for any thread, without waiting for disk or Redis.
        self.add = self._pending_counts.add

    def set_usage_listener(self, listener: Callable[[BillableUsage], None]) -> None:
        """Call a listener whenever the billable usage of other and earlier processes changes."""
        self._usage_listener = listener

    def follow_apps(
        self, listener: Callable[[AppUsageByDay], None], announce_due: Callable[[Claim], None]
    ) -> None:
        """Call a listener with the usage of apps by other processes, and then `announce_due`.

        `announce_due` gets the function that claims a notice for this process. It runs in the writer thread.
        """
        self._app_listener, self._announce_due = listener, announce_due

    def open(self) -> None:
        """Read the billable usage of earlier processes, and start the writer thread."""
        self._flush()
        self._writer_thread.start()

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """All rows of one site or all sites, from an ISO day on.

        Raises sqlite3.Error, ConnectionError while the Redis of all replicas is down, LedgerEndsError, or
        TooManyRowsError for more than `max_rows`.
        """
        with self._reader() as reader:
            return reader.rows(site, since)

    def rows_by_app(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Return the same rows split by app; their sums are the totals. Raises as `rows` does."""
        with self._reader() as reader:
            return reader.rows_by_app(site, since)

    def day_sums(self, day: str) -> DaySums:
        """Add up an ISO day by caller and by app. Raises as `rows` does."""
        with self._reader() as reader:
            return reader.day_sums(day)

    async def problem(self) -> str:
        """Problem of the backend, as a text for the operator; empty if there is none."""
        return self._problem

    async def lasting_problem(self) -> str:
        """Problem of the backend, but an outage of Redis, or a lock, only after `outage_seconds`."""
        seconds = (self._now() - self._failing_since).total_seconds()
        return self._problem if seconds >= self._grace_seconds else ""

    def close(self) -> None:
        """Write all counts and stop, within `CLOSE_SECONDS`.

        Counts that are not written by then are lost; the log has their number.
        """
        self._close_event.set()
        last_writer = Thread(target=self._write_last_counts, name="ledger-end", daemon=True)
        last_writer.start()
        last_writer.join(CLOSE_SECONDS)
        being_written = sum(queries for queries, _ in self._being_written.values())
        lost = self._pending_counts.queries + being_written + self._backend.unpersisted_count
        if last_writer.is_alive():
            Thread(target=self._close_after, args=(last_writer,), name="ledger-close", daemon=True).start()
        else:
            self._backend.close()
        if lost:
            _log.error("ledger-lost", queries=lost)

    def _close_after(self, last_writer: Thread) -> None:
        last_writer.join()
        self._backend.close()

    def _write_last_counts(self) -> None:
        if self._writer_thread.is_alive():
            self._writer_thread.join()
        self._flush()

    @contextmanager
    def _reader(self) -> Iterator[LedgerReader]:
        """Write what waits, and open a reader, which neither holds up the writer nor outlasts the ledger."""
        with self._hold(self._read_places), ExitStack() as stack:
            try:
                with self._hold(self._write_lock):
                    self._write_pending_counts()
                    self._read_limits.require_open()
                    reader = stack.enter_context(self._backend.open_reader(self._read_limits))
                yield reader
            except (sqlite3.Error, ConnectionError):
                self._read_limits.require_open()
                raise

    @contextmanager
    def _hold(self, lock: "Lock | Semaphore") -> Iterator[None]:
        """Hold a lock. Raises LedgerEndsError if the ledger ends first."""
        while not lock.acquire(timeout=_LOCK_SECONDS):
            self._read_limits.require_open()
        try:
            self._read_limits.require_open()
            yield
        finally:
            lock.release()

    def _flush_periodically(self) -> None:
        while not self._close_event.wait(self._flush_interval):
            self._flush()

    def _flush(self) -> None:
        with self._write_lock:
            self._write_pending_counts()

    def _write_pending_counts(self) -> None:
        try:
            self._persist_counts(self._pending_counts.drain())
            self._backend.flush()
            self._notify_listener()
            if not self._close_event.is_set():
                self._announce_due(self._backend.claim)
        except (sqlite3.Error, ConnectionError) as error:
            self._record_failure(error)
        else:
            self._problem, self._grace_seconds = "", inf

    def _persist_counts(self, counts: Counts) -> None:
        self._being_written = counts
        try:
            self._backend.add_counts(counts)
        except sqlite3.Error:
            self._pending_counts.restore(counts)
            raise
        finally:
            self._being_written = {}
        for key, (queries, octets) in counts.items():
            if counts_against_cap(key.caller, key.cost):
                _add_usage(self._own_usage, (key.site, key.day), (queries, octets))
                if key.app and self._app_listener:
                    _add_usage(self._own_app_usage, (key.app, key.day), (queries, octets))

    def _notify_listener(self) -> None:
        """Pass the usage of other processes to the listeners: that of all, minus that of this process."""
        if self._usage_listener is None:
            return
        now = self._now()
        since = (now - _ONE_DAY).date().isoformat()
        self._own_usage = _usage_since(self._own_usage, min([since, *_newest_days(self._own_usage)]))
        usage = self._backend.billable_usage(since)
        if usage is None:
            return
        self._usage_listener(_without_own(usage, self._own_usage))
        if self._app_listener is not None:
            first_day = min([earliest_day(now), *_newest_months(self._own_app_usage)])
            self._own_app_usage = _usage_since(self._own_app_usage, first_day)
            apps = self._backend.app_usage(earliest_day(now))
            self._app_listener(_without_own(apps, self._own_app_usage))

    def _record_failure(self, error: sqlite3.Error | ConnectionError) -> None:
        if not self._problem:
            _log.error("ledger-write-failed", exception=type(error).__name__, code=_error_code(error))
            self._failing_since = self._now()
        self._problem = f"not written: {_error_code(error)}"
        is_outage = isinstance(error, ConnectionError) or _error_code(error).startswith("SQLITE_BUSY")
        self._grace_seconds = min(self._grace_seconds, self._outage_seconds if is_outage else 0.0)
        self._backend.release()


def _add_usage(sums: dict[_UsageKey, _Amounts], key: _UsageKey, amounts: _Amounts) -> None:
    before = sums.get(key, (0, 0))
    sums[key] = before[0] + amounts[0], before[1] + amounts[1]


def _usage_since(usage: dict[_UsageKey, _Amounts], since: str) -> dict[_UsageKey, _Amounts]:
    return {key: amounts for key, amounts in usage.items() if key[1] >= since}


def _newest_days(usage: dict[_UsageKey, _Amounts]) -> list[str]:
    """ISO days of the last counts, whose own usage is kept: to them a clock that was ahead goes back."""
    return sorted({day for _, day in usage})[-KEPT_DAYS:]


def _newest_months(usage: dict[_UsageKey, _Amounts]) -> list[str]:
    """ISO months of the last counts, whose days are kept, for budgets of months."""
    return sorted({month_of(day) for _, day in usage})[-KEPT_MONTHS:]


def _without_own(
    usage: Mapping[_UsageKey, _Amounts], own: Mapping[_UsageKey, _Amounts]
) -> dict[_UsageKey, _Amounts]:
    """Usage of all processes minus that of this process; at least 0, as a new file lacks what it counted."""
    pairs = ((key, amounts, own.get(key, (0, 0))) for key, amounts in usage.items())
    return {key: (max(0, all_[0] - own_[0]), max(0, all_[1] - own_[1])) for key, all_, own_ in pairs}


def _error_code(error: sqlite3.Error | ConnectionError) -> str:
    """SQLite's name of an error, such as SQLITE_FULL; its message may contain a path."""
    if isinstance(error, ConnectionError):
        return f"Redis unavailable ({error})"
    return getattr(error, "sqlite_errorname", type(error).__name__)
