"""The one interface of a place that keeps state for a while."""

from typing import NamedTuple, Protocol


class Figures(NamedTuple):
    """What a store holds: entries and bytes in use, the cap in bytes (0: none), entries that had to go.

    Of a shared store they are its own, whoever else uses it; None where it does not say.
    """

    kind: str
    entries: int | None = None
    octets: int | None = None
    cap: int | None = None
    evicted: int | None = None


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

    async def add(self, name: str, amount: int, seconds: float) -> int:
        """A counter raised by an amount, as it is then; a counter not touched for its time starts at 0."""
        ...

    async def claim(self, name: str, holder: str, seconds: float) -> bool:
        """Whether the holder has the lease: the first to claim has it until released or its time is over."""
        ...

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back; somebody else's stays."""
        ...

    async def figures(self) -> Figures:
        """What it holds."""
        ...

    async def problem(self) -> str:
        """What is wrong with the store, in words for an operator; empty while it works."""
        ...
