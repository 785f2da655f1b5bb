"""The ledger in a file: SQLite in WAL mode, so that readers never hinder the writer, nor it them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.ledger.cost import PAID, Cost, Line, Row
from gateway.ledger.counts import Counts, Paid

#: All that is kept of an exchange.
COLUMNS = """
    day TEXT NOT NULL,
    site TEXT NOT NULL,
    caller TEXT NOT NULL,
    type TEXT NOT NULL,
    interaction TEXT NOT NULL,
    class TEXT NOT NULL,
    queries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
"""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS ledger ({COLUMNS}
    PRIMARY KEY (day, site, caller, type, interaction, class)
) STRICT, WITHOUT ROWID;
"""
_ADD = """
INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET queries = queries + excluded.queries, bytes = bytes + excluded.bytes
"""
_FORGET = "DELETE FROM ledger WHERE day < date('now', ?)"
_READ = "SELECT * FROM ledger WHERE day >= ? AND (? = '' OR site = ?) ORDER BY day, site, caller, type, class"
_PAID = f"""
SELECT site, day, sum(queries), sum(bytes) FROM ledger
WHERE day >= ? AND class IN ({", ".join(f"'{each}'" for each in sorted(PAID))}) GROUP BY site, day
"""  # noqa: S608 - our own classes
#: Seconds that a writer waits for another process to be done.
_BUSY = 5.0


class LedgerFile:
    """One file, which processes of a machine may share; without a path, memory. Raises sqlite3.Error."""

    def __init__(self, path: Path | None = None, keep_days: int = 800) -> None:
        self._path = path
        self._keep = f"-{keep_days} days"
        self._file: sqlite3.Connection | None = None
        self._seen: int | None = None

    def keep(self, counts: Counts) -> None:
        """Add counts, all or none."""
        if counts:
            with self._connected() as file:
                file.executemany(_ADD, ((*line, *amounts) for line, amounts in counts.items()))
                file.execute(_FORGET, (self._keep,))

    def deliver(self) -> None:
        """Nothing waits here."""

    def rows(self, site: str = "", since: str = "") -> list[Row]:
        """What is kept, of one site or all, from an ISO day on."""
        return _rows(self._connected(), site, since)

    def paid(self, since: str) -> Paid | None:
        """What was paid by site and day; None when no other process has written since the last call."""
        file = self._connected()
        ((version,),) = file.execute("PRAGMA data_version")
        if version == self._seen:
            return None
        self._seen = version
        found = file.execute(_PAID, (since,))
        return {(site, day): (queries, octets) for site, day, queries, octets in found}

    @property
    def unsafe(self) -> int:
        """How many exchanges would be lost with this process: none that are kept."""
        return 0

    def release(self) -> None:
        """Close the file, which is opened again when needed; keep what is in memory."""
        if self._path is not None:
            self.close()

    def close(self) -> None:
        """Close the file, or forget what is in memory."""
        if self._file is not None:
            self._file.close()
            self._file = self._seen = None

    def _connected(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = connected(self._path, _SCHEMA)
        return self._file


def connected(path: Path | None, schema: str) -> sqlite3.Connection:
    """A connection for one thread at a time, in WAL mode, with a schema. Raises sqlite3.Error."""
    file = sqlite3.connect(path or ":memory:", timeout=_BUSY, check_same_thread=False)
    try:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.executescript(schema)
    except sqlite3.Error:
        file.close()
        raise
    return file


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


def _rows(file: sqlite3.Connection, site: str, since: str) -> list[Row]:
    return selected(file, _READ, since, site, site)


def selected(file: sqlite3.Connection, query: str, *values: str | int) -> list[Row]:
    """What a query for the columns finds, as rows."""
    found = file.execute(query, values)
    return [
        Row(Line(day, guid, caller, kind, interaction, Cost(cost)), queries, octets)
        for day, guid, caller, kind, interaction, cost, queries, octets in found
    ]
