"""The embedded store: in this process's memory, bounded by bytes, gone with it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from cachetools import TLRUCache

from gateway.stores.base import Figures

#: What one kept value costs beyond its own bytes: objects, hash and heap entries.
OVERHEAD = 600
_COUNTERS = 100_000


@dataclass(frozen=True, slots=True)
class _Kept:
    value: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class _Counted:
    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Held:
    holder: str
    seconds: float


def _ends(_: str, item: _Kept | _Counted | _Held, now: float) -> float:
    return now + item.seconds


class _Values(TLRUCache[str, _Kept]):
    """Counts what had to go before its time was over."""

    evicted = 0

    def popitem(self) -> tuple[str, _Kept]:
        found = super().popitem()
        self.evicted += 1
        return found


class MemoryStore:
    """Values within `max_bytes`: the least recently used go first. Counters and leases do not count."""

    def __init__(self, max_bytes: int = 256_000_000, clock: Callable[[], float] = monotonic) -> None:
        self._values = _Values(
            max_bytes, ttu=_ends, timer=clock, getsizeof=lambda item: len(item.value) + OVERHEAD
        )
        self._counters: TLRUCache[str, _Counted] = TLRUCache(_COUNTERS, ttu=_ends, timer=clock)
        self._leases: TLRUCache[str, _Held] = TLRUCache(_COUNTERS, ttu=_ends, timer=clock)

    @property
    def size(self) -> int:
        """Bytes in use, what they cost included."""
        return int(self._values.currsize)

    async def get(self, name: str) -> bytes | None:
        """The value kept under a name, if its time is not over."""
        found = self._values.get(name)
        return found.value if found else None

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value for a time; one that is larger than the whole store is not kept."""
        self._values.pop(name, None)
        if len(value) + OVERHEAD <= self._values.maxsize:
            self._values[name] = _Kept(value, seconds)

    async def delete(self, *names: str) -> None:
        """Forget values."""
        for name in names:
            self._values.pop(name, None)

    async def add(self, name: str, amount: int, seconds: float) -> int:
        """A counter raised by an amount, as it is then; looking at one that is not there makes none."""
        found = self._counters.get(name)
        number = (found.number if found else 0) + amount
        if found or amount:
            self._counters[name] = _Counted(number, seconds)
        return number

    async def claim(self, name: str, holder: str, seconds: float) -> bool:
        """Whether the holder has the lease; claiming again what one has makes it last longer."""
        found = self._leases.get(name)
        if found and found.holder != holder:
            return False
        self._leases[name] = _Held(holder, seconds)
        return True

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back; somebody else's stays."""
        found = self._leases.get(name)
        if found and found.holder == holder:
            self._leases.pop(name, None)

    async def figures(self) -> Figures:
        """What it holds; counters and leases beside."""
        values = self._values
        return Figures("embedded", len(values), self.size, int(values.maxsize), values.evicted)

    async def problem(self) -> str:
        """Nothing: memory is always there."""
        return ""
