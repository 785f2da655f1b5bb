"""Lines on their way to the ledger of all replicas: in a local file, so that they outlive Redis and us.

They leave in numbered batches. A batch whose fate is unknown is sent again as it was, under its number, so
that the receiver can tell it from a new one: nothing is lost, and nothing is counted twice.
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from gateway.ledger.cost import PAID, Row
from gateway.ledger.counts import Counts
from gateway.ledger.sqlite_ledger import COLUMNS, connected, selected

#: Batch 0 is still open; others are sealed.
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS sender (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, batch INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS waiting ({COLUMNS}
    batch INTEGER NOT NULL,
    PRIMARY KEY (batch, day, site, caller, type, interaction, class)
) STRICT;
"""
_NAMED = "INSERT OR IGNORE INTO sender VALUES (1, ?, 0)"
_ADD = """
INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT DO UPDATE SET queries = queries + excluded.queries, bytes = bytes + excluded.bytes
"""
_SEAL = "UPDATE waiting SET batch = ? WHERE rowid IN (SELECT rowid FROM waiting WHERE batch = 0 LIMIT ?)"
_ROWS = "SELECT day, site, caller, type, interaction, class, queries, bytes FROM waiting"
#: Lines of one batch: few enough for Redis to add up between two other commands.
_LARGEST = 500


class Batch(NamedTuple):
    """What is sent at once; a sender's numbers rise."""

    sender: str
    number: int
    rows: list[Row]


class Outbox:
    """One file, or memory without a path. Raises sqlite3.Error."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._opened: sqlite3.Connection | None = None

    def put(self, counts: Counts) -> None:
        """Let counts wait, all or none."""
        if counts:
            with self._file() as file:
                file.executemany(_ADD, ((*line, *amounts) for line, amounts in counts.items()))

    def batch(self) -> Batch | None:
        """What is to be sent next: the same until it is `sent`; None when nothing waits."""
        with self._file() as file:
            file.execute("BEGIN IMMEDIATE")
            ((sealed,),) = file.execute("SELECT max(batch) FROM waiting")
            if sealed is None:
                return None
            ((sender, last),) = file.execute("SELECT id, batch FROM sender")
            number = sealed or last + 1
            if not sealed:
                file.execute("UPDATE sender SET batch = ?", (number,))
                file.execute(_SEAL, (number, _LARGEST))
            return Batch(sender, number, selected(file, f"{_ROWS} WHERE batch = ?", number))

    def sent(self, number: int) -> None:
        """Forget a batch that has arrived."""
        with self._file() as file:
            file.execute("DELETE FROM waiting WHERE batch = ?", (number,))

    def rows(self, site: str = "", since: str = "") -> list[Row]:
        """What waits, of one site or all, from an ISO day on; a line may be in two batches."""
        return selected(self._file(), f"{_ROWS} WHERE day >= ? AND (? = '' OR site = ?)", since, site, site)

    def paid(self, since: str) -> list[Row]:
        """What waits of what was paid, from an ISO day on."""
        return [row for row in self.rows(since=since) if row.line.cost in PAID]

    @property
    def unsafe(self) -> int:
        """How many exchanges wait in memory alone."""
        return 0 if self._path else sum(row.queries for row in self.rows())

    def release(self) -> None:
        """Close the file, which is opened again when needed; keep what waits in memory."""
        if self._path is not None:
            self.close()

    def close(self) -> None:
        """Close the file, or forget what waits in memory."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _file(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = connected(self._path, _SCHEMA)
            with self._opened as file:
                file.execute(_NAMED, (uuid4().hex,))
        return self._opened
