"""Outbox of rows for the ledger of all replicas, in a local file that survives an outage or a restart.

The rows are sent in numbered batches. If the outcome of a batch is unknown, the same batch is sent again
under its number, and the receiver ignores a number that it has: no row is lost or counted twice.
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from gateway.ledger.cost import LedgerRow, counts_against_cap
from gateway.ledger.counts import Counts, app_counts, total_counts
from gateway.ledger.sqlite_ledger import (
    COLUMN_DEFINITIONS,
    FileId,
    file_id,
    open_connection,
    require_unmoved,
)
from gateway.ledger.sqlite_reader import query_rows

#: Batch 0 still takes rows; batches with another number never change. `waiting` has the totals, as in
#: versions without apps; `waiting_by_app` the parts of apps, which are sent with their total or after it.
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS sender (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, batch INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS waiting ({COLUMN_DEFINITIONS}
    batch INTEGER NOT NULL,
    PRIMARY KEY (batch, day, site, caller, type, interaction, class)
) STRICT;
CREATE TABLE IF NOT EXISTS waiting_by_app ({COLUMN_DEFINITIONS}
    app TEXT NOT NULL,
    batch INTEGER NOT NULL,
    PRIMARY KEY (batch, day, site, caller, type, interaction, class, app)
) STRICT;
"""
_INSERT_SENDER = "INSERT OR IGNORE INTO sender VALUES (1, ?, 0)"
_UPSERT_ROW = """
INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT DO UPDATE SET queries = queries + excluded.queries, bytes = bytes + excluded.bytes
"""
_UPSERT_APP_ROW = _UPSERT_ROW.replace("waiting VALUES (", "waiting_by_app VALUES (?, ")
_ASSIGN_BATCH = (
    "UPDATE waiting SET batch = ? WHERE rowid IN (SELECT rowid FROM waiting WHERE batch = 0 LIMIT ?)"
)
_ASSIGN_APP_BATCH = """
UPDATE waiting_by_app SET batch = ? WHERE rowid IN (
    SELECT part.rowid FROM waiting_by_app AS part WHERE batch = 0 AND NOT EXISTS (
        SELECT 1 FROM waiting AS total WHERE total.batch = 0 AND total.day = part.day
        AND total.site = part.site AND total.caller = part.caller AND total.type = part.type
        AND total.interaction = part.interaction AND total.class = part.class
    ) LIMIT ?
)
"""
_SELECT_BATCHES = "SELECT batch FROM waiting UNION SELECT batch FROM waiting_by_app ORDER BY batch"
_SELECT_APP_ROWS = (
    "SELECT day, site, caller, type, interaction, class, queries, bytes, app FROM waiting_by_app"
)
_SELECT_ROWS = "SELECT day, site, caller, type, interaction, class, queries, bytes FROM waiting"
#: Maximum number of rows in a batch: the script that adds them blocks Redis only briefly.
_MAX_BATCH_ROWS = 500


class Batch(NamedTuple):
    """Rows that are sent together; the numbers of a sender rise. `parts`: rows of apps, within the totals."""

    sender: str
    number: int
    rows: list[LedgerRow]
    parts: list[LedgerRow] = []  # noqa: RUF012 - never changed


class Outbox:
    """Rows in one file, or in memory without a path. Raises sqlite3.Error."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file_id: FileId = None

    def put(self, counts: Counts) -> None:
        """Add counts to the rows of the next batch, all or none."""
        if counts:
            with self._open_connection() as file:
                totals, parts = total_counts(counts), app_counts(counts)
                file.executemany(_UPSERT_ROW, ((*key[:6], *amounts) for key, amounts in totals.items()))
                file.executemany(
                    _UPSERT_APP_ROW, ((*key[:6], *amounts, key.app) for key, amounts in parts.items())
                )

    def next_batch(self) -> Batch | None:
        """Batch to send next: the same until `delete_batch`; None if no rows wait."""
        with self._open_connection() as file:
            file.execute("BEGIN IMMEDIATE")
            numbers = [number for (number,) in file.execute(_SELECT_BATCHES)]
            if not numbers:
                return None
            ((sender, last_number),) = file.execute("SELECT id, batch FROM sender")
            unsent_number = next(filter(None, numbers), 0)
            number = unsent_number or last_number + 1
            if not unsent_number:
                file.execute("UPDATE sender SET batch = ?", (number,))
                file.execute(_ASSIGN_BATCH, (number, _MAX_BATCH_ROWS))
                file.execute(_ASSIGN_APP_BATCH, (number, _MAX_BATCH_ROWS))
            rows, parts = (
                query_rows(file, f"{query} WHERE batch = ?", number)
                for query in (_SELECT_ROWS, _SELECT_APP_ROWS)
            )
            return Batch(sender, number, rows, parts)

    def delete_batch(self, number: int) -> None:
        """Delete the rows of a batch that has arrived."""
        with self._open_connection() as file:
            file.execute("DELETE FROM waiting WHERE batch = ?", (number,))
            file.execute("DELETE FROM waiting_by_app WHERE batch = ?", (number,))

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Return the waiting rows of one site or all, from an ISO day on; a key may be in two batches."""
        query = f"{_SELECT_ROWS} WHERE day >= ? AND (? = '' OR site = ?)"
        return query_rows(self._open_connection(), query, since, site, site)

    def app_rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Return the waiting rows of apps, which are parts of the others."""
        query = f"{_SELECT_APP_ROWS} WHERE day >= ? AND (? = '' OR site = ?)"
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
            self._file_id = file_id(self._path)
        require_unmoved(self._path, self._file_id)
        return self._connection
