"""Values of one type in a store, read through a local copy of limited age."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from functools import partial
from secrets import token_hex
from typing import Generic, TypeVar

import msgspec

from gateway.stores.base import Store
from gateway.stores.single_flight import SingleFlight

T = TypeVar("T")

#: Names with a local copy; the oldest copy is deleted first.
_MAX_LOCAL_COPIES = 4_096
#: Stands for a missing local copy.
_NO_LOCAL_COPY = (float("-inf"), None, None)
#: Seconds after which the lock of a crashed change expires, and between two attempts to get it.
_CHANGE_LOCK_SECONDS, _LOCK_POLL_SECONDS = 2.0, 0.01


class ReplicatedValues(Generic[T]):
    """Values shared by replicas, read through a local copy that may be up to `max_local_age` seconds old.

    A value expires `lifetime` seconds after it was set. A replica sees a change by another replica at most
    `max_local_age` seconds later. Concurrent reads of an expired local copy share one read of the store.
    While the store is down, the local copy stays in use. `version_of` a name: a local copy of another version
    is read again from the store, at any age.
    """

    def __init__(  # noqa: PLR0913 - times and versions of the local copies
        self,
        store: Store,
        value_type: type[T],
        prefix: str,
        clock: Callable[[], float],
        *,
        lifetime: float,
        max_local_age: float = 1.0,
        version_of: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._store = store
        self._decode = msgspec.msgpack.Decoder(value_type).decode
        self._prefix = prefix
        self._clock = clock
        self._lifetime = lifetime
        self._max_local_age = max_local_age
        self._version_of = version_of
        self._local_copies: dict[str, tuple[float, T | None, object]] = {}
        self._shared_reads = SingleFlight[T | None](_MAX_LOCAL_COPIES)

    async def get(self, name: str, *, skip_local_copy: bool = False) -> T | None:
        """Return the value of a name, or None; `skip_local_copy`: as the store has it now."""
        if skip_local_copy:
            version = self._version_of(name)
            return self._set_local_copy(name, await self._read_store(name), version)
        copy = self.fresh_copy(name)
        if copy:
            return copy[1]
        refresh, version = partial(self._refresh_local_copy, name), partial(self._version_of, name)
        return (await self._shared_reads.run(name, refresh, version))[0]

    async def read_all(self, names: Collection[str]) -> dict[str, T]:
        """Return the values that the store has now, of many names; those without a value are left out."""
        by_full_name = {self._prefix + name: name for name in names}
        found = await self._store.get_all(tuple(by_full_name))
        decoded = {by_full_name[name]: self._decode_value(data) for name, data in found.items()}
        copies = self._local_copies
        missing = {name: copies[name][1] for name in names if name in copies and name not in decoded}
        if any(value is not None for value in missing.values()) and await self._store.problem():
            decoded |= missing
        return {name: value for name, value in decoded.items() if value is not None}

    def fresh_copy(self, name: str) -> tuple[float, T | None] | None:
        """Return the time of the last read and the value, without an await; None if `get` reads the store."""
        time, value, version = self._local_copies.get(name, _NO_LOCAL_COPY)
        is_fresh = 0 <= self._clock() - time < self._max_local_age and version == self._version_of(name)
        return (time, value) if is_fresh else None

    async def set(self, name: str, value: T) -> None:
        """Store a value."""
        self._set_local_copy(name, value, self._version_of(name))
        await self._store.set(self._prefix + name, msgspec.msgpack.encode(value), self._lifetime)

    async def update(self, name: str, change: Callable[[T | None], T | None]) -> T | None:
        """Change the value that the store has now, without another change in between; return the new value.

        If `change` returns the same object, nothing is stored; if it returns None, the value is deleted.
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
        """Delete a value."""
        self._set_local_copy(name, None, self._version_of(name))
        await self._store.delete(self._prefix + name)

    def names(self) -> tuple[str, ...]:
        """Names with a value in a local copy."""
        return tuple(name for name, (_, value, _) in self._local_copies.items() if value is not None)

    async def _refresh_local_copy(self, name: str) -> T | None:
        """Read the store for all waiting calls; a value set or deleted in this process meanwhile is newer."""
        before, version = self._local_copies.get(name), self._version_of(name)
        value = await self._read_store(name)
        after = self._local_copies.get(name)
        return after[1] if after and after is not before else self._set_local_copy(name, value, version)

    async def _read_store(self, name: str) -> T | None:
        """Read the value from the store, or from the local copy while the store is down."""
        local_value = self._local_copies.get(name, _NO_LOCAL_COPY)[1]
        data = await self._store.get(self._prefix + name)
        if data is None and local_value is not None and await self._store.problem():
            return local_value
        return None if data is None else self._decode_value(data)

    @asynccontextmanager
    async def _hold_change_lock(self, name: str) -> AsyncIterator[None]:
        """Prevent other changes of the value; a crashed replica delays them by `_CHANGE_LOCK_SECONDS`."""
        lock, holder = f"changing:{self._prefix}{name}", token_hex(8)
        while not await self._store.acquire_lock(lock, holder, _CHANGE_LOCK_SECONDS):  # noqa: ASYNC110 - no event
            await asyncio.sleep(_LOCK_POLL_SECONDS)
        try:
            yield
        finally:
            await self._store.release_lock(lock, holder)

    def _decode_value(self, data: bytes) -> T | None:
        """Decode a value; None if another version of the gateway encoded it in another form."""
        try:
            return self._decode(data)
        except msgspec.DecodeError:
            return None

    def _set_local_copy(self, name: str, value: T | None, version: object) -> T | None:
        """Note a value, and the version before the store was asked for it."""
        self._local_copies.pop(name, None)
        self._local_copies[name] = self._clock(), value, version
        if len(self._local_copies) > _MAX_LOCAL_COPIES:
            del self._local_copies[next(iter(self._local_copies))]
        return value
