"""Ledger in a file: SQLite in WAL mode, so that readers and the writer never block each other."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.http.proved_callers import UNPROVED
from gateway.ledger.cost import BILLABLE_CLASSES, LedgerRow
from gateway.ledger.counts import (
    AppUsageByDay,
    BillableUsage,
    Counts,
    app_counts,
    sum_app_usage,
    total_counts,
)
from gateway.ledger.file_mode import restrict_to_owner
from gateway.ledger.reader import NO_LIMITS, ReadLimits
from gateway.ledger.sqlite_reader import BUSY_TIMEOUT, SqliteReader, connect_read_only

#: All stored fields of a request.
COLUMN_DEFINITIONS = """
    day TEXT NOT NULL,
    site TEXT NOT NULL,
    caller TEXT NOT NULL,
    type TEXT NOT NULL,
    interaction TEXT NOT NULL,
    class TEXT NOT NULL,
    queries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
"""
#: The table `ledger` has the totals, as in versions without apps, which go on reading and writing it; the
#: others have the parts of apps. One transaction writes all of them.
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS ledger ({COLUMN_DEFINITIONS}
    PRIMARY KEY (day, site, caller, type, interaction, class)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger_by_app ({COLUMN_DEFINITIONS}
    app TEXT NOT NULL,
    PRIMARY KEY (day, site, caller, type, interaction, class, app)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS paid_by_app (
    day TEXT NOT NULL, app TEXT NOT NULL, queries INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (day, app)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claimed_notices (
    notice TEXT PRIMARY KEY, day TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_UPSERT_ROW = """
INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET queries = queries + excluded.queries, bytes = bytes + excluded.bytes
"""
_UPSERT_APP_ROW = _UPSERT_ROW.replace("ledger VALUES (", "ledger_by_app VALUES (?, ")
_UPSERT_PAID_ROW = """
INSERT INTO paid_by_app VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET queries = queries + excluded.queries, bytes = bytes + excluded.bytes
"""
_CLAIM = "INSERT OR IGNORE INTO claimed_notices VALUES (?, date('now'))"
#: Newest days with rows from which the retention does not count: a clock that was ahead deletes nothing.
NEWER_DAYS: Final = 7
#: First day to keep, no later than the clock says; NULL with too few days. One look into the index per day.
_SELECT_FIRST_DAY = f"""
WITH RECURSIVE newest(day, number) AS (
    SELECT max(day), 0 FROM ledger
    UNION ALL
    SELECT (SELECT max(ledger.day) FROM ledger WHERE ledger.day < newest.day), number + 1 FROM newest
    WHERE number < {NEWER_DAYS}
)
SELECT min(date(?1, ?2), date(day, ?2)) FROM newest WHERE number = {NEWER_DAYS}
"""  # noqa: S608 - the gateway's own words
_DELETIONS = tuple(
    f"DELETE FROM {table} WHERE day < ?"  # noqa: S608 - the gateway's own words
    for table in ("ledger", "ledger_by_app", "paid_by_app", "claimed_notices")
)
_BILLABLE_LIST = ", ".join(f"'{cost}'" for cost in sorted(BILLABLE_CLASSES))
_SELECT_BILLABLE = f"""
SELECT site, day, sum(queries), sum(bytes) FROM ledger
WHERE day >= ? AND caller <> '{UNPROVED}' AND class IN ({_BILLABLE_LIST})
GROUP BY site, day
"""  # noqa: S608 - the gateway's own words
#: Device and inode of a file; None if there is none.
FileId = tuple[int, int] | None
#: SQLite's name of this fault, which it finds itself only without WAL (Result and Error Codes).
_MOVED = "SQLITE_READONLY_DBMOVED"


class SqliteLedger:
    """Ledger backend in one file, which processes of a machine may share, or in memory without a path.

    Raises sqlite3.Error.
    """

    def __init__(
        self,
        path: Path | None = None,
        retention_days: int = 800,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path, self._now = path, now
        self._retention_modifier = f"-{retention_days} days"
        self._connection: sqlite3.Connection | None = None
        self._file_id: FileId = None
        #: Version of the file, and first day, of the last look at others' usage.
        self._seen: tuple[int, str] | None = None

    def add_counts(self, counts: Counts) -> None:
        """Add counts, all or none."""
        if counts:
            with self._open_connection() as file:
                file.executemany(
                    _UPSERT_ROW, ((*key[:6], *amounts) for key, amounts in total_counts(counts).items())
                )
                _add_app_counts(file, app_counts(counts))
                self._delete_old_days(file)

    def flush(self) -> None:
        """Write nothing, as no counts wait, but fail if the file has been moved."""
        self._open_connection()

    @contextmanager
    def open_reader(self, limits: ReadLimits = NO_LIMITS) -> Iterator[SqliteReader]:
        """Open a reader with a connection of its own; of counts in memory it has a copy."""
        file = self._open_connection()
        if self._path is None:
            copy = sqlite3.connect(":memory:", check_same_thread=False)
            file.backup(copy)
        else:
            copy = connect_read_only(self._path)
        with closing(copy):
            yield SqliteReader(copy, limits)

    def app_usage(self, since: str) -> AppUsageByDay:
        """Billable usage by app and day."""
        query = "SELECT app, day, queries, bytes FROM paid_by_app WHERE day >= ?"
        records = self._open_connection().execute(query, (since,))
        return {(app, day): (queries, octets) for app, day, queries, octets in records}

    def claim(self, notice: str) -> bool:
        """Whether no process that shares the file has claimed the notice before."""
        with self._open_connection() as file:
            return file.execute(_CLAIM, (notice,)).rowcount > 0

    def billable_usage(self, since: str) -> BillableUsage | None:
        """Billable usage by site and day; None if no other process has written since the same call."""
        file = self._open_connection()
        ((version,),) = file.execute("PRAGMA data_version")
        if self._seen == (version, since):
            return None
        self._seen = version, since
        records = file.execute(_SELECT_BILLABLE, (since,))
        return {(site, day): (queries, octets) for site, day, queries, octets in records}

    @property
    def unpersisted_count(self) -> int:
        """Always 0: stored counts survive the process."""
        return 0

    def release(self) -> None:
        """Close the file, which is opened again when needed; keep the rows in memory."""
        if self._path is not None:
            self.close()

    def close(self) -> None:
        """Close the file, or drop the rows in memory."""
        if self._connection is not None:
            self._connection.close()
            self._connection = self._seen = None

    def _delete_old_days(self, file: sqlite3.Connection) -> None:
        today = self._now().astimezone(UTC).date().isoformat()
        ((first_day,),) = file.execute(_SELECT_FIRST_DAY, (today, self._retention_modifier))
        for deletion in _DELETIONS if first_day else ():
            file.execute(deletion, (first_day,))

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_connection(self._path, _SCHEMA)
            self._file_id = file_id(self._path)
        require_unmoved(self._path, self._file_id)
        return self._connection


def open_connection(path: Path | None, schema: str) -> sqlite3.Connection:
    """Open a connection for one thread at a time, in WAL mode, with a schema.

    Raises sqlite3.Error, also if the file can only be read.
    """
    if path is not None:
        with suppress(OSError):  # SQLite reports it, with a code of its own
            restrict_to_owner(path)
    file = sqlite3.connect(path or ":memory:", timeout=BUSY_TIMEOUT, check_same_thread=False)
    try:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.executescript(schema)
        file.execute("BEGIN IMMEDIATE")  # a schema that exists is not written again
        file.rollback()
    except sqlite3.Error:
        file.close()
        raise
    return file


def file_id(path: Path | None) -> FileId:
    """Identity of the file at a path, which another file at the same path does not have."""
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


def require_unmoved(path: Path | None, opened: FileId) -> None:
    """Raise sqlite3.Error if the file at the path is not the open one: nobody would read what is written."""
    if file_id(path) != opened:
        error = sqlite3.OperationalError("the file was deleted, moved or replaced")
        error.sqlite_errorname = _MOVED
        raise error


def _add_app_counts(file: sqlite3.Connection, counts: Counts) -> None:
    file.executemany(_UPSERT_APP_ROW, ((*key[:6], *amounts, key.app) for key, amounts in counts.items()))
    usage = sum_app_usage(LedgerRow(key, *amounts) for key, amounts in counts.items())
    file.executemany(_UPSERT_PAID_ROW, ((day, app, *amounts) for (app, day), amounts in usage.items()))
