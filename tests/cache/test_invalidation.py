"""Invalidation counters: writes, dropped values, shared reads."""

import asyncio

import pytest

from gateway.cache.freshness import ANY_TYPE
from gateway.cache.invalidation import InvalidationCounters
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

SITE = "s"


@pytest.mark.parametrize(
    ("tags", "written_tags", "is_current"),
    [
        (["Patient"], ["Slot"], True),
        (["Patient"], ["Patient"], False),
        (["Patient", "Slot"], ["Slot"], False),
        (["Patient"], [ANY_TYPE], False),
        ([ANY_TYPE], ["Slot"], False),
        (["Patient", ANY_TYPE], ["Slot"], False),
    ],
)
async def test_write_changes_counters_of_its_tags(
    tags: list[str], written_tags: list[str], *, is_current: bool
) -> None:
    store = MemoryStore()
    counters, replica_counters = InvalidationCounters(store), InvalidationCounters(store)
    snapshot, marks = await counters.snapshot(SITE, tags), counters.local_marks(SITE, tags)
    assert await counters.is_current(SITE, snapshot)
    await counters.increment("another site", written_tags)
    assert await counters.is_current(SITE, snapshot)
    assert counters.local_marks(SITE, tags) == marks
    await replica_counters.increment(SITE, written_tags)
    assert await counters.is_current(SITE, snapshot) is is_current
    assert await counters.confirm(SITE, snapshot, tags) == (snapshot if is_current else None)
    await counters.increment(SITE, written_tags)
    assert (counters.local_marks(SITE, tags) == marks) is is_current


async def test_new_tags_are_confirmed_only_without_any_write() -> None:
    counters = InvalidationCounters(MemoryStore())
    await counters.increment(SITE, ["Practitioner"])
    snapshot = await counters.snapshot(SITE, ["Patient"])
    confirmed = await counters.confirm(SITE, snapshot, ["Patient", "Practitioner"])
    assert confirmed == {**snapshot, **await counters.snapshot(SITE, ["Practitioner"])}
    assert confirmed["Practitioner"] > 0
    await counters.increment(SITE, ["Slot"])
    assert await counters.confirm(SITE, snapshot, ["Patient", "Practitioner"]) is None
    assert await counters.confirm(SITE, snapshot, ["Patient"]) == snapshot


async def test_dropped_counter_does_not_reach_old_value() -> None:
    counters, new_counters = InvalidationCounters(MemoryStore()), InvalidationCounters(MemoryStore())
    await counters.increment(SITE, ["Patient"])
    snapshot = await counters.snapshot(SITE, ["Patient"])
    await new_counters.increment(SITE, ["Patient"])
    assert not await new_counters.is_current(SITE, snapshot)


class PausedStore(MemoryStore):
    """A store that counts its reads and completes each when the test releases it."""

    def __init__(self) -> None:
        super().__init__()
        self.read_count = 0
        self.started, self.may_complete = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        value = await super().increment(name, amount, seconds)
        self.read_count += 1
        self.started.release()
        await self.may_complete.acquire()
        return value


async def test_concurrent_checks_share_a_later_read() -> None:
    """A hundred checks during a read share one read that begins after all of them."""
    store = PausedStore()
    counters = InvalidationCounters(store, is_shared=True)
    early = asyncio.create_task(counters.is_current(SITE, {"all": 0}))
    await store.started.acquire()
    await MemoryStore.increment(store, f"counter/{SITE}/all", 5, 60)
    late = [asyncio.create_task(counters.is_current(SITE, {"all": 5})) for _ in range(100)]
    await asyncio.sleep(0)
    store.may_complete.release()
    await store.started.acquire()
    store.may_complete.release()
    assert await early
    assert await asyncio.gather(*late) == [True] * 100
    assert store.read_count == 2


async def test_dropped_local_mark_counts_as_write() -> None:
    counters = InvalidationCounters(MemoryStore(), max_local_marks=5)
    initial_marks = counters.local_marks(SITE, ["Patient"])
    await counters.increment(SITE, ["Patient"])
    marks, is_unchanged = counters.local_marks(SITE, ["Patient"]), counters.local_change_check(SITE)
    for number in range(3):
        await counters.increment(f"site {number}", ["Slot"])
    assert len({initial_marks, marks, counters.local_marks(SITE, ["Patient"])}) == 3
    assert not is_unchanged()
    assert counters.local_change_check(SITE)()
    assert len(counters._local_mark_by_tag) <= 5
