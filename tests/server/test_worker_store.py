"""Stores of two workers: all state but responses is that of both."""

import pytest

from gateway.cache.invalidation import InvalidationCounters
from gateway.server.local_channel import LocalChannel, SharedRings
from gateway.server.worker_store import WorkerStore, publish_death
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def channels() -> list[LocalChannel]:
    rings = SharedRings(2, 65_536)
    return [LocalChannel(rings, number) for number in range(2)]


@pytest.fixture
def stores(channels: list[LocalChannel]) -> list[WorkerStore]:
    return [WorkerStore(MemoryStore(), channel) for channel in channels]


async def test_counter_includes_increments_of_the_other_worker(stores: list[WorkerStore]) -> None:
    first, second = stores
    await first.increment("counter/site/all", 5, 60)
    await first.increment("counter/site/all", 2, 60)
    await second.increment("counter/site/all", 1, 60)
    assert [await store.increment("counter/site/all", 0, 60) for store in stores] == [8, 8]
    assert [await store.read_invalidations("counter/site/all", 60) for store in stores] == [8, 8]


async def test_value_is_set_and_deleted_in_both(stores: list[WorkerStore]) -> None:
    first, second = stores
    await first.set("pause", b"until noon", 60)
    assert await second.get_all(["pause", "absent"]) == {"pause": b"until noon"}
    assert await second.get("pause") == b"until noon"
    await second.delete("pause")
    assert await first.get("pause") is None


async def test_later_value_of_either_worker_counts(stores: list[WorkerStore]) -> None:
    first, second = stores
    await first.set("pause", b"earlier", 60)
    await second.set("pause", b"later", 60)
    assert [await store.get("pause") for store in stores] == [b"later", b"later"]


async def test_response_stays_in_its_worker(stores: list[WorkerStore]) -> None:
    first, second = stores
    await first.set("response/key", b"body", 60)
    assert (await first.get("response/key"), await second.get("response/key")) == (b"body", None)


async def test_locks_are_those_of_one_worker(stores: list[WorkerStore]) -> None:
    first, second = stores
    assert await first.acquire_lock("lock", "one", 60)
    assert not await first.acquire_lock("lock", "two", 60)
    assert await second.acquire_lock("lock", "two", 60)
    await first.release_lock("lock", "one")
    assert await first.acquire_lock("lock", "two", 60)


async def test_figures_are_those_of_one_worker(stores: list[WorkerStore]) -> None:
    await stores[0].set("response/key", b"body", 60)
    assert [(await store.read_stats()).entries for store in stores] == [1, 0]
    assert await stores[0].problem() == ""


async def test_write_through_one_worker_ends_what_the_other_has_stored(
    stores: list[WorkerStore], channels: list[LocalChannel]
) -> None:
    first, second = (
        InvalidationCounters(store, channel=channel) for store, channel in zip(stores, channels, strict=True)
    )
    snapshot, is_unchanged = await second.snapshot("site", ["Patient"]), second.local_change_check("site")
    marks = second.local_marks("site", ["Patient"])
    assert is_unchanged()
    await first.increment("site", ["Patient"])
    assert not channels[1].is_current()
    assert not is_unchanged()
    assert not await second.is_current("site", snapshot.counters)
    assert second.local_marks("site", ["Patient"]) != marks


async def test_death_of_a_worker_ends_all_that_is_stored() -> None:
    """It may have died between a write and the message about it; also for a fetch that is under way."""
    rings = SharedRings(3, 65_536)
    channel = LocalChannel(rings, 1)
    store = WorkerStore(MemoryStore(), channel)
    counters = InvalidationCounters(store, channel=channel)
    await store.increment("retries", 2, 60)
    before, is_unchanged = await counters.snapshot("site", ["Patient"]), counters.local_change_check("site")
    assert await counters.is_current("site", before.counters)
    publish_death(rings, 0)
    assert not channel.is_current()
    assert not is_unchanged()
    assert not await counters.is_current("site", before.counters)
    assert await counters.confirm("site", before, ["Patient"]) is None
    after = await counters.snapshot("site", ["Patient"])
    assert await counters.is_current("site", after.counters)
    assert await store.increment("retries", 0, 60) == 2
