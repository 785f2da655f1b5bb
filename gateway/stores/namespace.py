"""Part of a store for one upstream: two upstreams may use the same site GUIDs and keys."""

from collections.abc import Sequence
from hashlib import blake2b

from gateway.stores.base import Store, StoreStats


class NamespacedStore:
    """A store whose names begin with the hash of a namespace."""

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._prefix = blake2b(namespace.encode(), digest_size=6).hexdigest() + "/"

    async def get(self, name: str) -> bytes | None:
        """Return the value stored under a name, or None."""
        return await self._store.get(self._prefix + name)

    async def get_all(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the values stored under those of these names that have one."""
        found = await self._store.get_all([self._prefix + name for name in names])
        return {name.removeprefix(self._prefix): value for name, value in found.items()}

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Store a value for a number of seconds."""
        await self._store.set(self._prefix + name, value, seconds)

    async def delete(self, *names: str) -> None:
        """Delete values."""
        await self._store.delete(*(self._prefix + name for name in names))

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """Increment a counter, renew its lifetime and return its value."""
        return await self._store.increment(self._prefix + name, amount, seconds)

    async def read_invalidations(self, name: str, seconds: float) -> int | None:
        """Return the number of a counter of invalidations, which is not created."""
        return await self._store.read_invalidations(self._prefix + name, seconds)

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire a lock until it is released or expires; return whether the holder has it."""
        return await self._store.acquire_lock(self._prefix + name, holder, seconds)

    async def release_lock(self, name: str, holder: str) -> None:
        """Release a lock, if the holder has it."""
        await self._store.release_lock(self._prefix + name, holder)

    async def read_stats(self) -> StoreStats:
        """Read the figures of the whole store."""
        return await self._store.read_stats()

    async def problem(self) -> str:
        """Describe the fault of the store for an operator; empty if it works."""
        return await self._store.problem()
