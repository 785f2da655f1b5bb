"""Values shared by replicas."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from support.scripted_upstream import Clock

from gateway.stores.memory import MemoryStore
from gateway.stores.replicated import ReplicatedValues

pytestmark = pytest.mark.anyio


class LossyStore(MemoryStore):
    """A store that can be down without a value."""

    is_down = False

    async def get(self, name: str) -> bytes | None:
        return None if self.is_down else await super().get(name)

    async def get_all(self, names: Sequence[str]) -> dict[str, bytes]:
        return {} if self.is_down else await super().get_all(names)

    async def problem(self) -> str:
        return "down" if self.is_down else ""


class SlowStore(MemoryStore):
    """A store that counts its reads and returns their results once `may_respond` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.may_respond, self.has_read = asyncio.Event(), asyncio.Event()
        self.reads = 0

    async def get(self, name: str) -> bytes | None:
        self.reads += 1
        self.has_read.set()
        value = await super().get(name)
        await self.may_respond.wait()
        return value


def two_replicas() -> tuple[Clock, LossyStore, ReplicatedValues[int], ReplicatedValues[int]]:
    clock = Clock()
    store = LossyStore(clock=clock)
    first, second = (ReplicatedValues(store, int, "n:", clock, lifetime=60) for _ in range(2))
    return clock, store, first, second


async def test_values_of_many_names_are_those_of_the_store() -> None:
    _, store, first, second = two_replicas()
    await first.set("a", 1)
    await first.set("b", 2)
    await second.set("a", 3)
    await second.delete("b")
    assert await first.read_all({"a", "b", "absent"}) == {"a": 3}
    store.is_down = True
    assert await first.read_all({"a", "b", "absent"}) == {"a": 1, "b": 2}


async def test_change_is_visible_to_other_replica_within_a_second() -> None:
    clock, _, first, second = two_replicas()
    assert await second.get("a") is None
    await first.set("a", 1)
    assert [await second.get("a"), await second.get("a", skip_local_copy=True)] == [None, 1]
    await first.delete("a")
    assert await second.get("a") == 1
    clock.now += 1
    assert await second.get("a") is None


async def test_local_copy_of_an_earlier_version_is_read_again() -> None:
    clock, versions = Clock(), {"a": 1}
    store = LossyStore(clock=clock)
    first = ReplicatedValues[int](store, int, "n:", clock, lifetime=60)
    second = ReplicatedValues[int](store, int, "n:", clock, lifetime=60, version_of=versions.get)
    assert await second.get("a") is None
    await first.set("a", 1)
    assert await second.get("a") is None
    versions["a"] = 2
    assert await second.get("a") == 1
    assert second.fresh_copy("a")


async def test_value_expires_after_its_lifetime() -> None:
    clock, _, values, _ = two_replicas()
    await values.set("a", 1)
    assert values.names() == ("a",)
    clock.now += 61
    assert await values.get("a") is None
    assert values.names() == ()


async def test_local_copy_is_used_while_the_store_is_down() -> None:
    clock, store, values, _ = two_replicas()
    await values.set("a", 1)
    store.is_down = True
    clock.now += 5
    assert await values.get("a") == 1
    assert await values.get("b") is None


async def test_number_of_local_copies_is_limited() -> None:
    _, _, values, _ = two_replicas()
    for number in range(5_000):
        await values.get(str(number))
    assert len(values._local_copies) == 4_096


async def test_concurrent_changes_by_two_replicas_are_all_applied() -> None:
    _, store, *replicas = two_replicas()
    first, second = replicas
    await asyncio.gather(*(values.update("a", lambda n: (n or 0) + 1) for values in replicas * 10))
    assert await first.get("a", skip_local_copy=True) == 20
    assert await second.update("a", lambda n: n) == 20
    assert await second.update("a", lambda _: None) is None
    assert await store.get("n:a") is None


async def test_crashed_change_delays_the_next_by_two_seconds() -> None:
    clock, store, values, _ = two_replicas()
    await store.acquire_lock("changing:n:a", "crashed", 2.0)
    next_change = asyncio.create_task(values.update("a", lambda _: 1))
    await asyncio.sleep(0)
    assert not next_change.done()
    clock.now += 2.1
    assert await next_change == 1


async def test_value_of_another_gateway_version_is_none() -> None:
    _, store, values, _ = two_replicas()
    await store.set("n:a", msgspec.msgpack.encode("another type"), 60)
    assert await values.get("a") is None


async def test_concurrent_reads_share_one_read_of_the_store() -> None:
    clock, store = Clock(), SlowStore()
    values = ReplicatedValues(store, int, "n:", clock, lifetime=60)
    await values.set("a", 1)
    for expected_reads in (1, 2):
        clock.now += 1
        store.may_respond.clear()
        reads = [asyncio.create_task(values.get("a")) for _ in range(100)]
        await asyncio.sleep(0)
        reads.pop().cancel()
        store.may_respond.set()
        assert await asyncio.gather(*reads) == [1] * 99
        assert store.reads == expected_reads


async def test_value_set_during_a_read_is_newer() -> None:
    store = SlowStore()
    values = ReplicatedValues(store, int, "n:", Clock(), lifetime=60)
    read = asyncio.create_task(values.get("a"))
    await store.has_read.wait()
    await values.set("a", 1)
    store.may_respond.set()
    assert [await read, await values.get("a")] == [1, 1]
