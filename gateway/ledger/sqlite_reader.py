"""Reads of a ledger's file, through connections that hold up no writer."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.counts import split_by_app
from gateway.ledger.day_sums import DaySums, Sums
from gateway.ledger.reader import NO_LIMITS, ReadLimits

_SELECT_ROWS = (
    "SELECT * FROM ledger WHERE day >= ? AND (? = '' OR site = ?) ORDER BY day, site, caller, type, class"
    " LIMIT ?"
)
_SELECT_APP_ROWS = (
    "SELECT day, site, caller, type, interaction, class, queries, bytes, app FROM ledger_by_app"
    " WHERE day >= ? AND (? = '' OR site = ?) LIMIT ?"
)
# By class first: SQLite sorts the rows, and most of them differ there.
_SUM_CALLERS = "SELECT caller, class, sum(queries), sum(bytes) FROM ledger WHERE day = ? GROUP BY 2, 1"
_SUM_APPS = "SELECT app, class, sum(queries), sum(bytes) FROM ledger_by_app WHERE day = ? GROUP BY 2, 1"
_HAS_APPS = "SELECT 1 FROM sqlite_master WHERE name = 'ledger_by_app'"
#: Seconds to wait for the lock of another process: less than the end of a process may take.
BUSY_TIMEOUT: Final = 2.0
#: Instructions of SQLite, about a millisecond, between looks whether a read is to end.
_INSTRUCTIONS: Final = 50_000


class SqliteReader:
    """Reads through one connection. Raises sqlite3.Error, also at the end, and TooManyRowsError."""

    def __init__(self, file: sqlite3.Connection, limits: ReadLimits = NO_LIMITS) -> None:
        self._file, self._limits = file, limits
        # `interrupt` would do nothing for a query that begins after it
        file.set_progress_handler(limits.has_ended, _INSTRUCTIONS)

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Rows of one site or all, from an ISO day on."""
        return self._select(_SELECT_ROWS, site, since)

    def rows_by_app(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Return the same rows, split by app.

        The parts are read first: they only grow, so that no part is above a total that is read later.
        """
        has_apps = self._file.execute(_HAS_APPS).fetchone()  # a file of an older version has no parts
        parts = self._select(_SELECT_APP_ROWS, site, since) if has_apps else []
        return split_by_app(self.rows(site, since), parts)

    def day_sums(self, day: str) -> DaySums:
        """Add up an ISO day by caller and by app."""
        return DaySums(self._sums(_SUM_CALLERS, day), self._sums(_SUM_APPS, day))

    def _select(self, query: str, site: str, since: str) -> list[LedgerRow]:
        max_rows = self._limits.max_rows
        rows = query_rows(self._file, query, since, site, site, max_rows if max_rows < 0 else max_rows + 1)
        self._limits.require_few(rows)
        return rows

    def _sums(self, query: str, day: str) -> Sums:
        records = self._file.execute(query, (day,))
        return {(name, CostClass(cost)): (queries, octets) for name, cost, queries, octets in records}


def read_rows(path: Path, site: str = "", since: str = "") -> list[LedgerRow]:
    """Rows of a ledger file, also while a gateway writes it. Raises sqlite3.Error."""
    with _reader(path) as reader:
        return reader.rows(site, since)


def read_rows_by_app(path: Path, site: str = "", since: str = "") -> list[LedgerRow]:
    """Return the same rows, split by app. Raises sqlite3.Error."""
    with _reader(path) as reader:
        return reader.rows_by_app(site, since)


@contextmanager
def _reader(path: Path) -> Iterator[SqliteReader]:
    with closing(connect_read_only(path)) as file:
        yield SqliteReader(file)


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot write, for one thread at a time. Raises sqlite3.Error."""
    url = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(url, uri=True, timeout=BUSY_TIMEOUT, check_same_thread=False)


def query_rows(connection: sqlite3.Connection, query: str, *values: str | int) -> list[LedgerRow]:
    """Execute a query for the columns, after which the app may follow; return the rows."""
    records = connection.execute(query, values)
    return [
        LedgerRow(
            LedgerKey(day, guid, caller, resource_type, interaction, CostClass(cost), *app), queries, octets
        )
        for day, guid, caller, resource_type, interaction, cost, queries, octets, *app in records
    ]
