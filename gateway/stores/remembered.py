"""Values of one type kept in a Store, read through a local copy that is trusted for a moment."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from gateway.stores.store import Store

T = TypeVar("T")

#: Names whose local copies are kept; the oldest go first.
_MOST = 4_096


class Remembered(Generic[T]):
    """What replicas learn together, without a look-up for every request.

    A value lives for `lifetime` seconds after it was set; a local copy is trusted for `trusted` seconds, so
    that is how late one replica hears of another. While the store is out of order the local copy stands.
    """

    def __init__(
        self,
        store: Store,
        kind: type[T],
        prefix: str,
        clock: Callable[[], float],
        *,
        lifetime: float,
        trusted: float = 1.0,
    ) -> None:
        self._store = store
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._prefix = prefix
        self._clock = clock
        self._lifetime = lifetime
        self._trusted = trusted
        self._local: dict[str, tuple[float, T | None]] = {}

    async def get(self, name: str, *, fresh: bool = False) -> T | None:
        """The value of a name, or None; `fresh`: as the store has it now."""
        read, value = self._local.get(name, (float("-inf"), None))
        if not fresh and 0 <= self._clock() - read < self._trusted:
            return value
        found = await self._store.get(self._prefix + name)
        if found is None and value is not None and await self._store.problem():
            return value
        return self._noted(name, None if found is None else self._decode(found))

    async def set(self, name: str, value: T) -> None:
        """Keep a value."""
        self._noted(name, value)
        await self._store.set(self._prefix + name, msgspec.msgpack.encode(value), self._lifetime)

    async def delete(self, name: str) -> None:
        """Forget a value."""
        self._noted(name, None)
        await self._store.delete(self._prefix + name)

    def names(self) -> tuple[str, ...]:
        """The names this process has dealt with lately."""
        return tuple(name for name, (_, value) in self._local.items() if value is not None)

    def _noted(self, name: str, value: T | None) -> T | None:
        self._local.pop(name, None)
        self._local[name] = self._clock(), value
        if len(self._local) > _MOST:
            del self._local[next(iter(self._local))]
        return value
