"""Outbox of rows for the ledger of all replicas, in a local file that survives an outage or a restart.

The rows are sent in numbered batches. If the outcome of a batch is unknown, the same batch is sent again
under its number, and the receiver ignores a number that it has: no row is lost or counted twice.
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from gateway.ledger.cost import LedgerRow, counts_against_cap
from gateway.ledger.counts import Counts
from gateway.ledger.sqlite_ledger import COLUMN_DEFINITIONS, open_connection, query_rows

#: Batch 0 still takes rows; batches with another number never change.
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
#: Maximum number of rows in a batch: the script that adds them blocks Redis only briefly.
_MAX_BATCH_ROWS = 500


class Batch(NamedTuple):
    """Rows that are sent together; the numbers of a sender rise."""

    sender: str
    number: int
    rows: list[LedgerRow]


class Outbox:
    """Rows in one file, or in memory without a path. Raises sqlite3.Error."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def put(self, counts: Counts) -> None:
        """Add counts to the rows of the next batch, all or none."""
        if counts:
            with self._open_connection() as file:
                file.executemany(_UPSERT_ROW, ((*key, *amounts) for key, amounts in counts.items()))

    def next_batch(self) -> Batch | None:
        """Batch to send next: the same until `delete_batch`; None if no rows wait."""
        with self._open_connection() as file:
            file.execute("BEGIN IMMEDIATE")
            ((unsent_number,),) = file.execute("SELECT max(batch) FROM waiting")
            if unsent_number is None:
                return None
            ((sender, last_number),) = file.execute("SELECT id, batch FROM sender")
            number = unsent_number or last_number + 1
            if not unsent_number:
                file.execute("UPDATE sender SET batch = ?", (number,))
                file.execute(_ASSIGN_BATCH, (number, _MAX_BATCH_ROWS))
            return Batch(sender, number, query_rows(file, f"{_SELECT_ROWS} WHERE batch = ?", number))

    def delete_batch(self, number: int) -> None:
        """Delete the rows of a batch that has arrived."""
        with self._open_connection() as file:
            file.execute("DELETE FROM waiting WHERE batch = ?", (number,))

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Return the waiting rows of one site or all, from an ISO day on; a key may be in two batches."""
        query = f"{_SELECT_ROWS} WHERE day >= ? AND (? = '' OR site = ?)"
        return query_rows(self._open_connection(), query, since, site, site)

    def billable_rows(self, since: str) -> list[LedgerRow]:
        """Return the waiting rows that count against caps, from an ISO day on."""
        rows = self.rows(since=since)
        return [row for row in rows if counts_against_cap(row.key.caller, row.key.cost)]

    @property
    def unpersisted_count(self) -> int:
        """Number of queries that wait in memory only."""
        return 0 if self._path else sum(row.queries for row in self.rows())

    def release(self) -> None:
        """Close the file, which is opened again when needed; keep the rows in memory."""
        if self._path is not None:
            self.close()

    def close(self) -> None:
        """Close the file, or drop the rows in memory."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_connection(self._path, _SCHEMA)
            with self._connection as file:
                file.execute(_INSERT_SENDER, (uuid4().hex,))
        return self._connection
