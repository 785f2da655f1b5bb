"""Reads of the ledger beside its writer, and what ends them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, NamedTuple, Protocol

from gateway.ledger.cost import LedgerRow
from gateway.ledger.day_sums import DaySums

#: Maximum number of rows that a process with requests reads at once. Reports of them take 100 to 500 MB.
MAX_ROWS: Final = 100_000


class TooManyRowsError(Exception):
    """A read has more rows than it may return."""


class LedgerEndsError(ConnectionError):
    """The ledger ends, and ends a read."""


class ReadLimits(NamedTuple):
    """Maximum number of rows of a read, -1 for any, and whether it is to end now; for any thread."""

    max_rows: int = -1
    has_ended: Callable[[], bool] = lambda: False

    def require_few(self, rows: Sequence[LedgerRow]) -> None:
        """Raise TooManyRowsError for more rows than permitted."""
        if 0 <= self.max_rows < len(rows):
            raise TooManyRowsError

    def require_open(self) -> None:
        """Raise LedgerEndsError if the read is to end."""
        if self.has_ended():
            raise LedgerEndsError("the process ends")


NO_LIMITS: Final = ReadLimits()


class LedgerReader(Protocol):
    """Reads of a ledger in one thread, beside the thread that writes.

    Raises sqlite3.Error, ConnectionError for Redis, or TooManyRowsError; the end raises one of the first two.
    """

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Rows of one site or all, from an ISO day on: totals of all apps."""
        ...

    def rows_by_app(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Return the same rows split by app; a part that no app has stays under the app ""."""
        ...

    def day_sums(self, day: str) -> DaySums:
        """Add up an ISO day by caller and by app."""
        ...


#: Closes the reader's connection.
OpenReader = AbstractContextManager[LedgerReader]
