"""The one interface of a place that keeps the ledger's lines."""

from collections.abc import Mapping
from typing import Protocol

from gateway.ledger.cost import Row
from gateway.ledger.tally import Counts

#: Site GUID and ISO day -> queries, bytes: what was, or may have been, paid.
Paid = Mapping[tuple[str, str], tuple[int, int]]


class Place(Protocol):
    """Used by one thread at a time. Raises sqlite3.Error, and ConnectionError for what lies elsewhere."""

    def keep(self, counts: Counts) -> None:
        """Add counts, all or none: those that raise sqlite3.Error are not kept."""
        ...

    def deliver(self) -> None:
        """Bring what waits to where all replicas see it."""
        ...

    def rows(self, site: str = "", since: str = "") -> list[Row]:
        """What is kept, of one site or all, from an ISO day on."""
        ...

    def paid(self, since: str) -> Paid | None:
        """What all processes paid from an ISO day on; None when that is as it was at the last call."""
        ...

    @property
    def unsafe(self) -> int:
        """How many exchanges would be lost if this process ended now."""
        ...

    def release(self) -> None:
        """Close files and connections, which are opened again when needed; keep what is in memory."""
        ...

    def close(self) -> None:
        """Close files and connections, and forget what is in memory."""
        ...
