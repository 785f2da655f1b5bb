"""Leader election and renewed locks."""

import asyncio
from time import monotonic

import pytest

from gateway.stores.lock import run_as_leader
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio


class Replica:
    """One of several processes with a shared store; `results` stands for the stored responses."""

    def __init__(self, store: MemoryStore, results: list[str]) -> None:
        self.store = store
        self.results = results
        self.fetches = 0

    async def find_result(self) -> str | None:
        return self.results[0] if self.results else None

    async def fetch(self) -> str:
        self.fetches += 1
        await asyncio.sleep(0.2)
        self.results.append("stored")
        return "fetched"

    async def fail(self) -> str:
        self.fetches += 1
        raise LookupError

    async def get(self, seconds: float = 0.1) -> str:
        return await run_as_leader(self.store, "lock", seconds, self.find_result, self.fetch)


async def test_followers_get_the_result_of_a_slow_leader() -> None:
    store, results = MemoryStore(), list[str]()
    replicas = [Replica(store, results) for _ in range(3)]
    responses = await asyncio.gather(*(replica.get() for replica in replicas))
    assert sorted(responses) == ["fetched", "stored", "stored"]
    assert sum(replica.fetches for replica in replicas) == 1


async def test_crashed_leader_delays_until_its_lock_expires() -> None:
    store = MemoryStore()
    await store.acquire_lock("lock", "crashed", 0.3)
    replica, start = Replica(store, []), monotonic()
    assert await replica.get() == "fetched"
    assert monotonic() - start >= 0.3


async def test_failed_leader_releases_its_lock() -> None:
    store = MemoryStore()
    replica = Replica(store, [])
    with pytest.raises(LookupError):
        await run_as_leader(store, "lock", 60, replica.find_result, replica.fail)
    assert await replica.get(60) == "fetched"


class StoreWithoutCancellation(MemoryStore):
    """A store whose client swallows a cancellation that arrives with the response."""

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        try:
            await asyncio.sleep(0.06)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return await super().acquire_lock(name, holder, seconds)


async def test_lock_is_released_even_during_its_renewal() -> None:
    store = StoreWithoutCancellation()
    assert await Replica(store, []).get(0.5) == "fetched"
    assert await store.acquire_lock("lock", "another", 0.5)


async def test_result_stored_before_the_lock_is_not_fetched_again() -> None:
    replica = Replica(MemoryStore(), ["stored"])
    assert (await replica.get(), replica.fetches) == ("stored", 0)
