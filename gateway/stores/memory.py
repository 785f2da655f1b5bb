"""Embedded store in the memory of this process, limited in bytes and lost when the process ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from cachetools import TLRUCache

from gateway.stores.base import INVALIDATION_PREFIX, StoreStats
from gateway.stores.bounded_dict import BoundedDict

#: Bytes that a stored value needs beyond its own: objects, hash and heap entries.
ENTRY_OVERHEAD = 600
#: Bytes of a counter or lock, share of `max_bytes` (one part in …) for each kind, and minimum number of each.
_COUNTER_BYTES, _COUNTER_SHARE, _MIN_COUNTERS = 450, 16, 1_000


@dataclass(frozen=True, slots=True)
class _StoredValue:
    value: bytes
    seconds: float


@dataclass(slots=True)
class _Counter:
    value: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class _Lock:
    holder: str
    seconds: float


def _expires_at(_: str, item: _StoredValue | _Lock, now: float) -> float:
    return now + item.seconds


class _ValueCache(TLRUCache[str, _StoredValue]):
    """Counts the values that are evicted before they expire; one that is missing is None."""

    evictions = 0

    def __missing__(self, key: str) -> None:  # type: ignore[override] # costs less than to ask first
        return None

    def popitem(self) -> tuple[str, _StoredValue]:
        item = super().popitem()
        self.evictions += 1
        return item


class MemoryStore:
    """Values up to `max_bytes`, least recently used evicted first; counters and locks take an eighth more.

    `first_number`: that of a counter of invalidations that has none yet.
    """

    def __init__(
        self, max_bytes: int = 256_000_000, clock: Callable[[], float] = monotonic, first_number: int = 0
    ) -> None:
        self._values = _ValueCache(
            max_bytes, ttu=_expires_at, timer=clock, getsizeof=lambda item: len(item.value) + ENTRY_OVERHEAD
        )
        count = max(_MIN_COUNTERS, max_bytes // _COUNTER_SHARE // _COUNTER_BYTES)
        self._clock = clock
        self._counters = BoundedDict[str, _Counter](count)
        #: Number of a missing counter of invalidations: above those of all that were dropped.
        self._first_number = first_number
        self._locks: TLRUCache[str, _Lock] = TLRUCache(count, ttu=_expires_at, timer=clock)

    @property
    def used_bytes(self) -> int:
        """Bytes in use, including the overhead of each value."""
        return int(self._values.currsize)

    async def get(self, name: str) -> bytes | None:
        """Return the value stored under a name, or None if there is none or it has expired."""
        stored: _StoredValue | None = self._values[name]
        return stored.value if stored else None

    async def get_all(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the values stored under those of these names that have one."""
        values = self._values
        with values.timer:  # reads the clock once
            return {name: stored.value for name in names if (stored := values[name])}

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Store a value for a number of seconds; a value larger than the whole store is not stored."""
        self._values.pop(name, None)
        value = bytes(
            memoryview(value)
        )  # a copy: encoders return bytes with up to half as much memory unused
        if len(value) + ENTRY_OVERHEAD <= self._values.maxsize:
            self._values[name] = _StoredValue(value, seconds)

    async def delete(self, *names: str) -> None:
        """Delete values."""
        for name in names:
            self._values.pop(name, None)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """Increment a counter and return its value; an amount of 0 does not create a counter."""
        counter, now = self._counters.get(name), self._clock()
        if counter is not None and now >= counter.expires_at:
            self._drop_counter(name)
            counter = None
        if counter is None:
            value = amount + (self._first_number if name.startswith(INVALIDATION_PREFIX) else 0)
        else:
            value = counter.value + amount
        if amount or counter is not None:
            expires_at = max(now + seconds, counter.expires_at if counter else 0)
            self._set_counter(name, _Counter(value, expires_at))
        return value

    async def read_invalidations(self, name: str, seconds: float) -> int | None:
        """Return the number of a counter; also of a missing one, which memory need not create for that."""
        return await self.increment(name, 0, seconds)

    def _set_counter(self, name: str, counter: _Counter) -> None:
        if name not in self._counters and len(self._counters) >= self._counters.max_items:
            self._drop_counter(next(iter(self._counters)))
        self._counters[name] = counter

    def _drop_counter(self, name: str) -> None:
        """Drop a counter. If it counts invalidations, it never has one of its numbers again."""
        counter = self._counters.pop(name)
        if name.startswith(INVALIDATION_PREFIX):
            self._first_number = max(self._first_number, counter.value + 1)

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire a lock, or renew it for its holder; return whether the holder has it."""
        lock = self._locks.get(name)
        if lock and lock.holder != holder:
            return False
        self._locks[name] = _Lock(holder, seconds)
        return True

    async def release_lock(self, name: str, holder: str) -> None:
        """Release a lock, if the holder has it."""
        lock = self._locks.get(name)
        if lock and lock.holder == holder:
            self._locks.pop(name, None)

    async def read_stats(self) -> StoreStats:
        """Read the figures of the values; counters and locks are not included."""
        values = self._values
        return StoreStats("embedded", len(values), self.used_bytes, int(values.maxsize), values.evictions)

    async def problem(self) -> str:
        """Return an empty text: memory is always available."""
        return ""
