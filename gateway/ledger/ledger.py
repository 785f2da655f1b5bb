"""The ledger: counted in memory, kept at most a second behind by a thread of its own.

Counting never waits for a disk or another machine. A place that cannot be written delays the ledger and
is said in `/readyz`; what is counted meanwhile waits, one pair of numbers per line, until it can be.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

import structlog

from gateway.ledger.cost import PAID, Row
from gateway.ledger.counts import Counts, Paid, Place, Tally

_log = structlog.get_logger()

#: No zone's day is further behind that of UTC.
_DAY = timedelta(days=1)


class Ledger:
    """Counts by line, kept in a place: a file, or the Redis of all replicas."""

    def __init__(
        self,
        place: Place,
        *,
        every: float = 0.5,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._place = place
        self._every = every
        self._now = now
        self._tally = Tally()
        self._mine: dict[tuple[str, str], tuple[int, int]] = {}
        self._tell: Callable[[Paid], None] | None = None
        self._writing = Lock()
        self._closing = Event()
        self._writer = Thread(target=self._run, name="ledger", daemon=True)
        self._problem = ""
        #: Counts on a line, from any thread, and waits for neither disk nor Redis.
        self.add = self._tally.add

    def watch(self, tell: Callable[[Paid], None]) -> None:
        """Tell what other processes, and earlier ones, paid by site and day, whenever that changes."""
        self._tell = tell

    def open(self) -> None:
        """Find out what was paid before, and start writing."""
        self._write()
        self._writer.start()

    def rows(self, site: str = "", since: str = "") -> list[Row]:
        """What is counted up to now, of one site or all, from an ISO day on.

        Raises sqlite3.Error, and ConnectionError while the ledger of all replicas is away.
        """
        self._write()
        with self._writing:
            return self._place.rows(site, since)

    async def problem(self) -> str:
        """What is wrong with the place, in words for an operator; empty while it works."""
        return self._problem

    def close(self) -> None:
        """Write everything and end. Only what cannot be written is lost, and the log says how much."""
        self._closing.set()
        if self._writer.is_alive():
            self._writer.join()
        self._write()
        with self._writing:
            lost = self._tally.queries + self._place.unsafe
            self._place.close()
        if lost:
            _log.error("ledger-lost", queries=lost)

    def _run(self) -> None:
        while not self._closing.wait(self._every):
            self._write()

    def _write(self) -> None:
        with self._writing:
            try:
                self._keep(self._tally.taken())
                self._place.deliver()
                self._compare()
            except (sqlite3.Error, ConnectionError) as problem:
                self._failed(problem)
            else:
                self._problem = ""

    def _keep(self, taken: Counts) -> None:
        try:
            self._place.keep(taken)
        except sqlite3.Error:
            self._tally.put_back(taken)
            raise
        for line, (queries, octets) in taken.items():
            if line.cost in PAID:
                before = self._mine.get((line.site, line.day), (0, 0))
                self._mine[line.site, line.day] = before[0] + queries, before[1] + octets

    def _compare(self) -> None:
        """Tell what others paid: all that is kept, less what was counted here."""
        if self._tell is None:
            return
        since = (self._now() - _DAY).date().isoformat()
        self._mine = {key: amounts for key, amounts in self._mine.items() if key[1] >= since}
        paid = self._place.paid(since)
        if paid is not None:
            self._tell({key: self._less(key, *amounts) for key, amounts in paid.items()})

    def _less(self, key: tuple[str, str], queries: int, octets: int) -> tuple[int, int]:
        mine = self._mine.get(key, (0, 0))
        return queries - mine[0], octets - mine[1]

    def _failed(self, problem: sqlite3.Error | ConnectionError) -> None:
        if not self._problem:
            _log.error("ledger-not-written", exception=type(problem).__name__, code=_code(problem))
        self._problem = f"not written: {_code(problem)}"
        self._place.release()


def _code(problem: sqlite3.Error | ConnectionError) -> str:
    """SQLite's own name of an error, such as SQLITE_FULL: its words may hold a path."""
    if isinstance(problem, ConnectionError):
        return f"Redis is away ({problem})"
    return getattr(problem, "sqlite_errorname", type(problem).__name__)
