"""Lines on their way to the ledger of all replicas: in a local file, so that they outlive Redis and us.

They leave in numbered batches. A batch whose fate is unknown is sent again as it was, under its number, so
that the receiver can tell it from a new one: nothing is lost, and nothing is counted twice.
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from gateway.ledger.cost import BILLABLE_CLASSES, LedgerRow
from gateway.ledger.counts import Counts
from gateway.ledger.sqlite_ledger import COLUMN_DEFINITIONS, open_connection, query_rows

#: Batch 0 is still open; others are sealed.
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS sender (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, batch INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS waiting ({COLUMN_DEFINITIONS}
    batch INTEGER NOT NULL,
    PRIMARY KEY (batch, day, site, caller, type, interaction, class)
) STRICT;
"""
_INSERT_SENDER = "INSERT OR IGNORE INTO sender VALUES (1, ?, 0)"
_UPSERT_ROW = """
INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT DO UPDATE SET queries = queries + excluded.queries, bytes = bytes + excluded.bytes
"""
_ASSIGN_BATCH = (
    "UPDATE waiting SET batch = ? WHERE rowid IN (SELECT rowid FROM waiting WHERE batch = 0 LIMIT ?)"
)
_SELECT_ROWS = "SELECT day, site, caller, type, interaction, class, queries, bytes FROM waiting"
#: Lines of one batch: few enough for Redis to add up between two other commands.
_MAX_BATCH_ROWS = 500


class Batch(NamedTuple):
    """What is sent at once; a sender's numbers rise."""

    sender: str
    number: int
    rows: list[LedgerRow]


class Outbox:
    """One file, or memory without a path. Raises sqlite3.Error."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def put(self, counts: Counts) -> None:
        """Let counts wait, all or none."""
        if counts:
            with self._open_connection() as file:
                file.executemany(_UPSERT_ROW, ((*line, *amounts) for line, amounts in counts.items()))

    def next_batch(self) -> Batch | None:
        """What is to be sent next: the same until it is `sent`; None when nothing waits."""
        with self._open_connection() as file:
            file.execute("BEGIN IMMEDIATE")
            ((sealed,),) = file.execute("SELECT max(batch) FROM waiting")
            if sealed is None:
                return None
            ((sender, last),) = file.execute("SELECT id, batch FROM sender")
            number = sealed or last + 1
            if not sealed:
                file.execute("UPDATE sender SET batch = ?", (number,))
                file.execute(_ASSIGN_BATCH, (number, _MAX_BATCH_ROWS))
            return Batch(sender, number, query_rows(file, f"{_SELECT_ROWS} WHERE batch = ?", number))

    def delete_batch(self, number: int) -> None:
        """Forget a batch that has arrived."""
        with self._open_connection() as file:
            file.execute("DELETE FROM waiting WHERE batch = ?", (number,))

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """What waits, of one site or all, from an ISO day on; a line may be in two batches."""
        return query_rows(
            self._open_connection(),
            f"{_SELECT_ROWS} WHERE day >= ? AND (? = '' OR site = ?)",
            since,
            site,
            site,
        )

    def billable_rows(self, since: str) -> list[LedgerRow]:
        """What waits of what was paid, from an ISO day on."""
        return [row for row in self.rows(since=since) if row.key.cost in BILLABLE_CLASSES]

    @property
    def unpersisted_count(self) -> int:
        """How many exchanges wait in memory alone."""
        return 0 if self._path else sum(row.queries for row in self.rows())

    def release(self) -> None:
        """Close the file, which is opened again when needed; keep what waits in memory."""
        if self._path is not None:
            self.close()

    def close(self) -> None:
        """Close the file, or forget what waits in memory."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_connection(self._path, _SCHEMA)
            with self._connection as file:
                file.execute(_INSERT_SENDER, (uuid4().hex,))
        return self._connection
