"""The one interface of a place that keeps state for a while."""

from typing import NamedTuple, Protocol


class StoreStats(NamedTuple):
    """What a store holds: entries and bytes in use, the cap in bytes (0: none), entries that had to go.

    Of a shared store they are its own, whoever else uses it; None where it does not say.
    """

    backend: str
    entries: int | None = None
    used_bytes: int | None = None
    max_bytes: int | None = None
    evictions: int | None = None


class Store(Protocol):
    """Bytes, counters and leases under names. Times are in seconds; nothing outlives its time.

    Names hold no patient data: callers hash what identifies a question.
    """

    async def get(self, name: str) -> bytes | None:
        """The value kept under a name, if its time is not over."""
        ...

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value for a time."""
        ...

    async def delete(self, *names: str) -> None:
        """Forget values."""
        ...

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """A counter raised by an amount, as it is then; a counter not touched for its time starts at 0."""
        ...

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Whether the holder has the lease: the first to claim has it until released or its time is over."""
        ...

    async def release_lock(self, name: str, holder: str) -> None:
        """Give a lease back; somebody else's stays."""
        ...

    async def read_stats(self) -> StoreStats:
        """What it holds."""
        ...

    async def problem(self) -> str:
        """What is wrong with the store, in words for an operator; empty while it works."""
        ...
