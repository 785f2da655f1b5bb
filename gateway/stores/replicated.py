"""Values of one type kept in a Store, read through a local copy that is trusted for a moment."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from secrets import token_hex
from typing import Generic, TypeVar

import msgspec

from gateway.stores.base import Store
from gateway.stores.single_flight import SingleFlight

T = TypeVar("T")

#: Names whose local copies are kept; the oldest go first.
_MAX_LOCAL_COPIES = 4_096
#: A local copy that was never made.
_NO_LOCAL_COPY = (float("-inf"), None)
#: Seconds that one change may hold up others, and between two looks whether it is over.
_CHANGE_LOCK_SECONDS, _LOCK_POLL_SECONDS = 2.0, 0.01


class ReplicatedValues(Generic[T]):
    """What replicas learn together, without a look-up for every request.

    A value lives for `lifetime` seconds after it was set; a local copy is trusted for `trusted` seconds, so
    that is how late one replica hears of another. All who find it run out share one look into the store.
    While the store is out of order the local copy stands.
    """

    def __init__(
        self,
        store: Store,
        value_type: type[T],
        prefix: str,
        clock: Callable[[], float],
        *,
        lifetime: float,
        max_local_age: float = 1.0,
    ) -> None:
        self._store = store
        self._decode = msgspec.msgpack.Decoder(value_type).decode
        self._prefix = prefix
        self._clock = clock
        self._lifetime = lifetime
        self._max_local_age = max_local_age
        self._local_copies: dict[str, tuple[float, T | None]] = {}
        self._shared_reads = SingleFlight[T | None](_MAX_LOCAL_COPIES)

    async def get(self, name: str, *, skip_local_copy: bool = False) -> T | None:
        """The value of a name, or None; `fresh`: as the store has it now."""
        if skip_local_copy:
            return self._set_local_copy(name, await self._read_store(name))
        read, value = self._local_copies.get(name, _NO_LOCAL_COPY)
        if 0 <= self._clock() - read < self._max_local_age:
            return value
        return (await self._shared_reads.run(name, partial(self._refresh_local_copy, name), lambda: None))[0]

    async def set(self, name: str, value: T) -> None:
        """Keep a value."""
        self._set_local_copy(name, value)
        await self._store.set(self._prefix + name, msgspec.msgpack.encode(value), self._lifetime)

    async def update(self, name: str, change: Callable[[T | None], T | None]) -> T | None:
        """The value after a change to what the store has now, which no other change comes between.

        The same object means no change, None that there is no value any more.
        """
        async with self._hold_change_lock(name):
            before = await self.get(name, skip_local_copy=True)
            after = change(before)
            if after is None and before is not None:
                await self.delete(name)
            elif after is not None and after is not before:
                await self.set(name, after)
            return after

    async def delete(self, name: str) -> None:
        """Forget a value."""
        self._set_local_copy(name, None)
        await self._store.delete(self._prefix + name)

    def names(self) -> tuple[str, ...]:
        """The names this process has dealt with lately."""
        return tuple(name for name, (_, value) in self._local_copies.items() if value is not None)

    async def _refresh_local_copy(self, name: str) -> T | None:
        """What one look for all found; what was set or deleted here meanwhile is newer."""
        before = self._local_copies.get(name)
        found = await self._read_store(name)
        now = self._local_copies.get(name)
        return now[1] if now and now is not before else self._set_local_copy(name, found)

    async def _read_store(self, name: str) -> T | None:
        """What the store has; the local copy while it is out of order."""
        value = self._local_copies.get(name, _NO_LOCAL_COPY)[1]
        found = await self._store.get(self._prefix + name)
        if found is None and value is not None and await self._store.problem():
            return value
        return None if found is None else self._decode_value(found)

    @asynccontextmanager
    async def _hold_change_lock(self, name: str) -> AsyncIterator[None]:
        """While nobody else changes the value; who was killed in the middle holds others up for `_CHANGE`."""
        lease, holder = f"changing:{self._prefix}{name}", token_hex(8)
        while not await self._store.acquire_lock(lease, holder, _CHANGE_LOCK_SECONDS):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(_LOCK_POLL_SECONDS)
        try:
            yield
        finally:
            await self._store.release_lock(lease, holder)

    def _decode_value(self, data: bytes) -> T | None:
        """The value; None for what another version of the gateway wrote in another shape."""
        try:
            return self._decode(data)
        except msgspec.DecodeError:
            return None

    def _set_local_copy(self, name: str, value: T | None) -> T | None:
        self._local_copies.pop(name, None)
        self._local_copies[name] = self._clock(), value
        if len(self._local_copies) > _MAX_LOCAL_COPIES:
            del self._local_copies[next(iter(self._local_copies))]
        return value
