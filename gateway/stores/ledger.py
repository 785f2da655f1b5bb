"""The ledger's file: SQLite, written at most a second behind by a thread of its own.

Counting never waits for the disk. A file that cannot be written delays the ledger and is said in `/readyz`;
what is counted meanwhile is kept in memory, one number per line, and written when it can be.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, Thread

import structlog

from gateway.core.cost import Cost, Line, Row

_log = structlog.get_logger()

Counts = dict[Line, tuple[int, int]]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    day TEXT NOT NULL,
    site TEXT NOT NULL,
    caller TEXT NOT NULL,
    type TEXT NOT NULL,
    interaction TEXT NOT NULL,
    class TEXT NOT NULL,
    queries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (day, site, caller, type, interaction, class)
) STRICT, WITHOUT ROWID
"""
_ADD = """
INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET queries = queries + excluded.queries, bytes = bytes + excluded.bytes
"""
_FORGET = "DELETE FROM ledger WHERE day < date('now', ?)"
_READ = "SELECT * FROM ledger WHERE day >= ? AND (? = '' OR site = ?) ORDER BY day, site, caller, type, class"
#: Seconds that a writer waits for another process to be done.
_BUSY = 5.0


class Ledger:
    """Counts by line. Without a path they live in memory and end with the process."""

    def __init__(self, path: Path | None = None, *, keep_days: int = 800, every: float = 0.5) -> None:
        self._path = path
        self._keep = f"-{keep_days} days"
        self._every = every
        self._pending: Counts = {}
        self._counting = Lock()
        self._writing = Lock()
        self._closing = Event()
        self._writer = Thread(target=self._run, name="ledger", daemon=True)
        self._file: sqlite3.Connection | None = None
        self._problem = ""

    def open(self) -> None:
        """Start writing."""
        self._writer.start()

    def add(self, line: Line, octets: int) -> None:
        """Count one exchange. Safe from any thread; never waits for the disk."""
        with self._counting:
            self._count(line, 1, octets)

    def rows(self, site: str = "", since: str = "") -> list[Row]:
        """What is counted up to now, of one site or all, from an ISO day on. Raises sqlite3.Error."""
        self._write()
        with self._writing:
            return _rows(self._connected(), site, since)

    async def problem(self) -> str:
        """What is wrong with the file, in words for an operator; empty while it works."""
        return self._problem

    def close(self) -> None:
        """Write everything and end. Only what cannot be written is lost, and the log says how much."""
        self._closing.set()
        if self._writer.is_alive():
            self._writer.join()
        self._write()
        with self._writing:
            self._disconnect()
        if self._pending:
            _log.error("ledger-lost", queries=sum(queries for queries, _ in self._pending.values()))

    def _run(self) -> None:
        while not self._closing.wait(self._every):
            self._write()

    def _write(self) -> None:
        with self._writing:
            taken = self._taken()
            try:
                self._store(taken)
            except sqlite3.Error as problem:
                self._put_back(taken)
                self._failed(problem)
            else:
                self._problem = ""

    def _store(self, taken: Counts) -> None:
        if taken:
            with self._connected() as file:
                file.executemany(_ADD, ((*line, *amounts) for line, amounts in taken.items()))
                file.execute(_FORGET, (self._keep,))

    def _taken(self) -> Counts:
        with self._counting:
            taken, self._pending = self._pending, {}
        return taken

    def _put_back(self, taken: Counts) -> None:
        with self._counting:
            for line, amounts in taken.items():
                self._count(line, *amounts)

    def _count(self, line: Line, queries: int, octets: int) -> None:
        before = self._pending.get(line, (0, 0))
        self._pending[line] = (before[0] + queries, before[1] + octets)

    def _failed(self, problem: sqlite3.Error) -> None:
        if not self._problem:
            _log.error("ledger-not-written", exception=type(problem).__name__, code=_code(problem))
        self._problem = f"not written: {_code(problem)}"
        self._disconnect()

    def _connected(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = _opened(self._path)
        return self._file

    def _disconnect(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def read(path: Path, site: str = "", since: str = "") -> list[Row]:
    """The rows of a ledger's file, also while a gateway writes it. Raises sqlite3.Error."""
    with _reading(path) as file:
        return _rows(file, site, since)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    file = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY)
    try:
        yield file
    finally:
        file.close()


def _opened(path: Path | None) -> sqlite3.Connection:
    """A connection for one thread at a time. WAL, so that readers never hinder the writer, nor it them."""
    file = sqlite3.connect(path or ":memory:", timeout=_BUSY, check_same_thread=False)
    try:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute(_SCHEMA)
    except sqlite3.Error:
        file.close()
        raise
    return file


def _rows(file: sqlite3.Connection, site: str, since: str) -> list[Row]:
    found = file.execute(_READ, (since, site, site))
    return [
        Row(Line(day, guid, caller, kind, interaction, Cost(cost)), queries, octets)
        for day, guid, caller, kind, interaction, cost, queries, octets in found
    ]


def _code(problem: sqlite3.Error) -> str:
    """SQLite's own name of an error, such as SQLITE_FULL: its words may hold a path."""
    return getattr(problem, "sqlite_errorname", type(problem).__name__)
