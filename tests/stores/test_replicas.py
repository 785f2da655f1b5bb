"""Replicas on one store: who is reached by a change, who is silent, who has gone."""

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest

from gateway.stores.memory import MemoryStore
from gateway.stores.replicas import PLACES, MissedReplica, NoReplicas, Reach, ReplicaTable, process_name

pytestmark = pytest.mark.anyio
BEAT = 0.04


class Replica:
    """A replica whose link to the shared store and to its channel a test can cut."""

    def __init__(self, store: MemoryStore, name: str, identity: str = "") -> None:
        self.is_down = self.has_unsent = False
        self.table = ReplicaTable(store, name, identity, lambda: self.is_down, lambda: self.has_unsent, BEAT)


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


class SlowStore(MemoryStore):
    """A store that takes its time."""

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        await asyncio.sleep(0.001)
        return await super().increment(name, amount, seconds)


async def test_replica_is_known_from_its_start() -> None:
    store = SlowStore()
    replicas = [Replica(store, name).table for name in ("a", "b", "c")]
    async with replicas[0], replicas[1], replicas[2]:
        assert sorted((await replicas[2].check_reach()).reached) == ["a", "b", "c"]


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


async def test_replicas_of_one_name_are_told_apart() -> None:
    async with AsyncExitStack() as stack, AsyncExitStack() as inner:
        store = MemoryStore()
        first, second = await replicas_on(store, stack, "a", "a")
        assert await first.table.check_reach() == Reach(("a", "a"))
        second.is_down = True
        await asyncio.sleep(2 * BEAT)
        await replicas_on(store, inner, "a")
        assert await first.table.check_reach() == Reach(("a", "a"), (MissedReplica("a", "silent"),))
        await inner.aclose()
        assert await first.table.check_reach() == Reach(("a",), (MissedReplica("a", "silent"),))


async def test_killed_replica_is_missed_when_another_has_its_name() -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        first, second = await replicas_on(store, stack, "a", "b")
        await kill(second)
        await replicas_on(store, stack, "b")
        assert await first.table.check_reach() == Reach(("a", "b"), (MissedReplica("b", "silent"),))


async def kill(replica: Replica) -> None:
    task, replica.table._task, replica.table._place = replica.table._task, None, None
    assert task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def age_beat(store: MemoryStore, replica: Replica, seconds: float) -> None:
    await store.increment(f"replicas/{replica.table._place}/beat", -round(seconds * 1_000), 60)


@pytest.mark.parametrize(("hours", "is_missed"), [(1, True), (71, True), (73, False)])
async def test_silent_replica_is_missed_for_three_days(hours: int, is_missed: bool) -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        first, second = await replicas_on(store, stack, "a", "b")
        second.is_down = True
        await asyncio.sleep(2 * BEAT)
        await age_beat(store, second, hours * 3_600)
        missed = (MissedReplica("b", "silent"),) if is_missed else ()
        assert await first.table.check_reach() == Reach(("a",), missed)


async def test_store_keeps_silent_replica_for_three_days() -> None:
    now = 0.0
    store = MemoryStore(clock=lambda: now)
    async with AsyncExitStack() as stack:
        first, second = await replicas_on(store, stack, "a", "b")
        second.is_down = True
        await asyncio.sleep(2 * BEAT)
        now = 71 * 3_600.0
        (third,) = await replicas_on(store, stack, "b")
        assert third.table._place != second.table._place
        assert (await first.table.check_reach()).missed == (MissedReplica("b", "silent"),)


async def test_replica_that_lost_its_place_takes_another() -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        first, second = await replicas_on(store, stack, "a", "b")
        second.is_down, place = True, second.table._place
        await asyncio.sleep(2 * BEAT)
        await store.release_lock(f"replicas/{place}/lock", second.table._identity)
        assert await store.acquire_lock(f"replicas/{place}/lock", "another", 60)
        second.is_down = False
        await asyncio.sleep(2 * BEAT)
        assert second.table._place != place
        assert (await first.table.check_reach()).reached == ("a", "b")


async def test_successor_of_a_worker_has_its_place() -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        first, second = await replicas_on(store, stack, "a", "b")
        identity = second.table._identity
        await kill(second)
        await stack.enter_async_context(Replica(store, "b", identity).table)
        assert await first.table.check_reach() == Reach(("a", "b"))


async def test_replica_that_ends_leaves_the_place_of_another() -> None:
    async with AsyncExitStack() as stack, AsyncExitStack() as inner:
        store = MemoryStore()
        first, _ = await replicas_on(store, stack, "a", "b")
        (third,) = await replicas_on(store, inner, "c")
        third.table._place = first.table._place
        await inner.aclose()
        assert await store.get(f"replicas/{first.table._place}/name") == b"a"


async def test_table_with_deleted_beats_has_the_living_only() -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        first, second, third = await replicas_on(store, stack, "a", "b", "c")
        places = [replica.table._place for replica in (first, second, third)]
        await kill(second)
        for place in places:
            beat = f"replicas/{place}/beat"
            await store.increment(beat, -await store.increment(beat, 0, 60), 60)
        await asyncio.sleep(2 * BEAT)
        assert await first.table.check_reach() == Reach(("a", "c"))
        assert third.table._place == places[2]


async def test_replica_with_other_keys_is_seen() -> None:
    async with AsyncExitStack() as stack:
        store = MemoryStore()
        first, second = await replicas_on(store, stack, "a", "b")
        await store.delete(f"replicas/{second.table._place}/name")
        name = f"replica {second.table._place} with other cache.keys"
        assert await first.table.check_reach() == Reach(("a",), (), (name,))
        second.is_down = True
        await asyncio.sleep(2 * BEAT)
        (missed,) = (await first.table.check_reach()).missed
        assert missed.replica == name


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
