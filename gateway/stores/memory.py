"""The embedded store: in this process's memory, bounded by bytes, gone with it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from cachetools import TLRUCache

from gateway.stores.base import StoreStats

#: What one kept value costs beyond its own bytes: objects, hash and heap entries.
ENTRY_OVERHEAD = 600
_MAX_COUNTERS = 100_000


@dataclass(frozen=True, slots=True)
class _StoredValue:
    value: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class _Counter:
    value: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Lock:
    holder: str
    seconds: float


def _expires_at(_: str, item: _StoredValue | _Counter | _Lock, now: float) -> float:
    return now + item.seconds


class _ValueCache(TLRUCache[str, _StoredValue]):
    """Counts what had to go before its time was over."""

    evictions = 0

    def popitem(self) -> tuple[str, _StoredValue]:
        found = super().popitem()
        self.evictions += 1
        return found


class MemoryStore:
    """Values within `max_bytes`: the least recently used go first. Counters and leases do not count."""

    def __init__(self, max_bytes: int = 256_000_000, clock: Callable[[], float] = monotonic) -> None:
        self._values = _ValueCache(
            max_bytes, ttu=_expires_at, timer=clock, getsizeof=lambda item: len(item.value) + ENTRY_OVERHEAD
        )
        self._counters: TLRUCache[str, _Counter] = TLRUCache(_MAX_COUNTERS, ttu=_expires_at, timer=clock)
        self._locks: TLRUCache[str, _Lock] = TLRUCache(_MAX_COUNTERS, ttu=_expires_at, timer=clock)

    @property
    def used_bytes(self) -> int:
        """Bytes in use, what they cost included."""
        return int(self._values.currsize)

    async def get(self, name: str) -> bytes | None:
        """The value kept under a name, if its time is not over."""
        found = self._values.get(name)
        return found.value if found else None

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value for a time; one that is larger than the whole store is not kept."""
        self._values.pop(name, None)
        if len(value) + ENTRY_OVERHEAD <= self._values.maxsize:
            self._values[name] = _StoredValue(value, seconds)

    async def delete(self, *names: str) -> None:
        """Forget values."""
        for name in names:
            self._values.pop(name, None)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """A counter raised by an amount, as it is then; looking at one that is not there makes none."""
        found = self._counters.get(name)
        number = (found.value if found else 0) + amount
        if found or amount:
            self._counters[name] = _Counter(number, seconds)
        return number

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Whether the holder has the lease; claiming again what one has makes it last longer."""
        found = self._locks.get(name)
        if found and found.holder != holder:
            return False
        self._locks[name] = _Lock(holder, seconds)
        return True

    async def release_lock(self, name: str, holder: str) -> None:
        """Give a lease back; somebody else's stays."""
        found = self._locks.get(name)
        if found and found.holder == holder:
            self._locks.pop(name, None)

    async def read_stats(self) -> StoreStats:
        """What it holds; counters and leases beside."""
        values = self._values
        return StoreStats("embedded", len(values), self.used_bytes, int(values.maxsize), values.evictions)

    async def problem(self) -> str:
        """Nothing: memory is always there."""
        return ""
