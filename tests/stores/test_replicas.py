"""Replicas on one store: who is reached by a change, who is silent, who has gone."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway.stores.memory import MemoryStore
from gateway.stores.replicas import PLACES, MissedReplica, NoReplicas, Reach, ReplicaTable, process_name

pytestmark = pytest.mark.anyio
BEAT = 0.04


class Replica:
    """A replica whose link to the shared store and to its channel a test can cut."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self.is_down = self.has_unsent = False
        self.table = ReplicaTable(store, name, lambda: self.is_down, lambda: self.has_unsent, BEAT)


async def replicas_on(store: MemoryStore, stack: AsyncExitStack, *names: str) -> list[Replica]:
    replicas = [Replica(store, name) for name in names]
    for replica in replicas:
        await stack.enter_async_context(replica.table)
    await asyncio.sleep(BEAT)
    return replicas


async def test_change_reaches_all_that_use_the_store() -> None:
    async with AsyncExitStack() as stack:
        for replica in await replicas_on(MemoryStore(), stack, "a", "b", "c"):
            reach = await replica.table.check_reach()
            assert (sorted(reach.reached), reach.missed) == (["a", "b", "c"], ())


async def test_replica_in_its_own_memory_is_silent_until_it_returns() -> None:
    async with AsyncExitStack() as stack:
        first, second = await replicas_on(MemoryStore(), stack, "a", "b")
        second.is_down = True
        await asyncio.sleep(2 * BEAT)
        assert await first.table.check_reach() == Reach(("a",), (MissedReplica("b", "silent"),))
        second.is_down = False
        assert await first.table.check_reach() == Reach(("a", "b"))


async def test_process_without_store_names_the_others_it_knew() -> None:
    async with AsyncExitStack() as stack:
        first, _ = await replicas_on(MemoryStore(), stack, "a", "b")
        await first.table.check_reach()
        first.is_down = True
        reach = await first.table.check_reach()
        assert reach.reached == ("a",)
        assert [each.replica for each in reach.missed] == [
            "b",
            "replicas that started while the shared store was down",
        ]
        assert {each.reason for each in reach.missed} == {"store-down"}


async def test_unsent_message_reaches_nobody() -> None:
    async with AsyncExitStack() as stack:
        first, _ = await replicas_on(MemoryStore(), stack, "a", "b")
        first.has_unsent = True
        assert await first.table.check_reach() == Reach(("a",), (MissedReplica("b", "channel-down"),))


async def test_replica_that_ended_in_order_is_not_missed() -> None:
    async with AsyncExitStack() as stack, AsyncExitStack() as inner:
        store = MemoryStore()
        (first,) = await replicas_on(store, stack, "a")
        await replicas_on(store, inner, "b")
        assert (await first.table.check_reach()).reached == ("a", "b")
        check = asyncio.create_task(first.table.check_reach())
        await asyncio.sleep(0)
        await inner.aclose()
        assert (await check).missed == ()
        assert await first.table.check_reach() == Reach(("a",))


async def test_killed_replica_is_missed_until_one_of_its_name_starts() -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        first, second = await replicas_on(store, stack, "a", "b")
        assert second.table._task
        second.table._task.cancel()
        assert (await first.table.check_reach()).missed == (MissedReplica("b", "silent"),)
        await replicas_on(store, stack, "b")
        assert await first.table.check_reach() == Reach(("a", "b"))
        with pytest.raises(asyncio.CancelledError):
            await second.table._task


async def test_replica_of_an_hour_ago_is_forgotten() -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        (first,) = await replicas_on(store, stack, "a")
        await store.increment("replicas/3/beat", 1_000, 3_600)
        assert await first.table.check_reach() == Reach(("a",))


async def test_replica_with_other_keys_is_seen() -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        first, second = await replicas_on(store, stack, "a", "b")
        await store.delete(f"replicas/{second.table._place}/name")
        second.is_down = True
        await asyncio.sleep(2 * BEAT)
        (missed,) = (await first.table.check_reach()).missed
        assert missed.replica == f"replica {second.table._place} with other cache.keys"


async def test_replicas_beyond_the_table_are_told() -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        (first,) = await replicas_on(store, stack, "a")
        for place in range(PLACES):
            await store.acquire_lock(f"replicas/{place}/lock", "another", 60)
        await replicas_on(store, stack, "late")
        (missed,) = (await first.table.check_reach()).missed
        assert missed.replica == "replicas beyond the first 128"


async def test_process_alone_reaches_itself() -> None:
    async with NoReplicas("a") as alone:
        assert await alone.check_reach() == Reach(("a",))


def test_name_of_a_worker_has_its_parent_and_number() -> None:
    assert " process " in process_name()
    assert process_name(2).endswith(" worker 2")
    assert len(process_name(64)) < 100
