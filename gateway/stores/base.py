"""Interface of a store with expiring values, counters and locks."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

#: Beginning of the names of the counters that end stored responses. A store may return another number than
#: the sum of a counter's increments, if it may have lost some of them; it never returns an earlier one, also
#: of a counter that it has lost, evicted or deleted.
INVALIDATION_PREFIX: Final = "counter/"
#: End of the name of a site's own counter, which each write at the site increments before all others.
SITE_WIDE_SUFFIX: Final = "/all"
#: Beginning of the names of replicas' beats. A beat says that its replica uses the shared store at that time:
#: one that the shared store did not take must not be replayed.
BEAT_PREFIX: Final = "replicas/"


class StoreStats(NamedTuple):
    """Figures of a store: entries, bytes in use, maximum bytes (0: no limit), entries evicted early.

    A shared store reports its own figures, including those of its other users; None: not reported.
    """

    backend: str
    entries: int | None = None
    used_bytes: int | None = None
    max_bytes: int | None = None
    evictions: int | None = None


class Store(Protocol):
    """Bytes, counters and locks by name. Every entry expires after its number of seconds.

    Names contain no patient data: a caller hashes the data that identifies a request.
    """

    async def get(self, name: str) -> bytes | None:
        """Return the value stored under a name, or None if there is none or it has expired."""
        ...

    async def get_all(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the values stored under those of these names that have one."""
        ...

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Store a value for a number of seconds."""
        ...

    async def delete(self, *names: str) -> None:
        """Delete values."""
        ...

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """Increment a counter, renew its lifetime and return its value.

        An amount of 0 does not shorten the lifetime of a counter of invalidations.
        A missing or expired counter starts at 0; one of invalidations at a number that it never had.
        """
        ...

    async def read_invalidations(self, name: str, seconds: float) -> int | None:
        """Return the number of a counter of invalidations and renew its lifetime, but never create it.

        None: the store does not have it, and only `increment` gives it a number.
        """
        ...

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire a lock until it is released or expires; return whether the holder has it."""
        ...

    async def release_lock(self, name: str, holder: str) -> None:
        """Release a lock, if the holder has it."""
        ...

    async def read_stats(self) -> StoreStats:
        """Read the figures of the store."""
        ...

    async def problem(self) -> str:
        """Describe the fault of the store for an operator; empty if it works."""
        ...
