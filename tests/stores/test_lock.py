"""Leader election and renewed locks."""

import asyncio
from math import inf
from time import monotonic
from typing import NamedTuple

import pytest
from stores.test_redis_channel import wait_until
from support.stopwatch import Stopwatch

from gateway.stores.lock import MAX_WAIT_SECONDS, LeaderElection
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio


class Outcome(NamedTuple):
    """What a replica returns."""

    text: str
    is_stored: bool = True


class Replica:
    """One of several processes with a shared store; `results` stands for the stored responses."""

    def __init__(self, store: MemoryStore, results: list[str], seconds: float = 60) -> None:
        self.store = store
        self.results = results
        self.fetch_seconds = 0.2
        self.election = LeaderElection[Outcome](store, seconds, longest_wait=60)
        self.waits: list[bool] = []
        self.may_end = asyncio.Event()

    async def find_result(self) -> Outcome | None:
        return Outcome(self.results[0]) if self.results else None

    async def fetch(self, has_waited: bool) -> Outcome:
        self.waits.append(has_waited)
        await asyncio.sleep(self.fetch_seconds)
        self.results.append("stored")
        return Outcome("fetched")

    async def fail(self, has_waited: bool) -> Outcome:
        self.waits.append(has_waited)
        await self.may_end.wait()
        raise LookupError

    async def decline(self, has_waited: bool) -> Outcome:
        self.waits.append(has_waited)
        await self.may_end.wait()
        return Outcome("too large", is_stored=False)

    async def get(self, name: str = "lock", max_wait: float = 60) -> str:
        return (await self.election.run(name, max_wait, self.find_result, self.fetch)).text

    def run(self, *, raises: bool, name: str = "lock", max_wait: float = 60) -> asyncio.Task[Outcome]:
        function = self.fail if raises else self.decline
        return asyncio.create_task(self.election.run(name, max_wait, self.find_result, function))


async def test_followers_get_the_result_of_a_slow_leader() -> None:
    with Stopwatch() as clock:
        store, results = MemoryStore(clock=lambda: clock.seconds), list[str]()
        replicas = [Replica(store, results, 1.0) for _ in range(3)]
        for replica in replicas:
            replica.fetch_seconds = 1.5
        responses = await asyncio.gather(*(replica.get() for replica in replicas))
    assert sorted(responses) == ["fetched", "stored", "stored"]
    assert [wait for replica in replicas for wait in replica.waits] == [False]


async def test_crashed_leader_delays_until_its_lock_expires() -> None:
    store = MemoryStore()
    await store.acquire_lock("lock", "crashed", 0.3)
    replica, start = Replica(store, []), monotonic()
    assert await replica.get() == "fetched"
    assert monotonic() - start >= 0.3
    assert replica.waits == [True]


async def test_failed_leader_releases_its_lock() -> None:
    store = MemoryStore()
    replica = Replica(store, [])
    replica.may_end.set()
    with pytest.raises(LookupError):
        await replica.run(raises=True)
    assert await replica.get() == "fetched"


@pytest.mark.parametrize("raises", [False, True])
async def test_followers_of_a_leader_without_result_run_side_by_side(*, raises: bool) -> None:
    """A line of followers would add the time of every one that fails, and nobody could end but the first."""
    store = MemoryStore()
    leader, *followers = replicas = [Replica(store, []) for _ in range(4)]
    tasks = [leader.run(raises=raises)]
    await wait_until(lambda: bool(leader.waits))
    tasks += [each.run(raises=raises) for each in followers]
    await asyncio.sleep(0.05)
    assert [each.waits for each in replicas] == [[False], [], [], []]
    leader.may_end.set()
    await wait_until(lambda: [each.waits for each in followers] == [[True]] * 3)
    for each in followers:
        each.may_end.set()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_follower_of_a_later_leader_waits_despite_the_mark() -> None:
    store, results = MemoryStore(), list[str]()
    failed, leader, follower = (Replica(store, results) for _ in range(3))
    failed.may_end.set()
    assert not (await failed.run(raises=False)).is_stored
    responses = await asyncio.gather(leader.get(), follower.get())
    assert (responses, follower.waits) == (["fetched", "stored"], [])


async def test_follower_waits_no_longer_than_it_may() -> None:
    store = MemoryStore()
    leader, follower = Replica(store, []), Replica(store, [])
    task = leader.run(raises=False)
    await wait_until(lambda: bool(leader.waits))
    assert await asyncio.wait_for(follower.get(max_wait=0.1), 20) == "fetched"
    assert not task.done()
    leader.may_end.set()
    await task


async def test_endless_leader_delays_by_the_longest_wait() -> None:
    store, replica = MemoryStore(), Replica(MemoryStore(), [])
    await store.acquire_lock("lock", "endless", 3_600)
    election = LeaderElection[Outcome](store, 60, longest_wait=0.1)
    running = election.run("lock", inf, replica.find_result, replica.fetch)
    assert (await asyncio.wait_for(running, 20)).text == "fetched"
    assert MAX_WAIT_SECONDS <= 5  # what a client bears, beside the time of its own request


async def test_leader_is_not_waited_for_in_its_own_process() -> None:
    replica = Replica(MemoryStore(), [])
    task = replica.run(raises=False)
    await wait_until(lambda: bool(replica.waits))
    assert await replica.get() == "fetched"
    replica.may_end.set()
    await task
    assert (replica.waits, replica.election._led_names) == ([False, False], set())


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
    assert await Replica(store, [], 0.5).get() == "fetched"
    assert await store.acquire_lock("lock", "another", 0.5)


async def test_result_stored_before_the_lock_is_not_fetched_again() -> None:
    replica = Replica(MemoryStore(), ["stored"])
    assert (await replica.get(), replica.waits) == ("stored", [])
