import asyncio

import pytest

from gateway.cache.freshness import ANY_TYPE
from gateway.cache.invalidation import InvalidationCounters
from gateway.stores.memory import MemoryStore

SITE = "s"


@pytest.mark.parametrize(
    ("about", "written", "current"),
    [
        (["Patient"], ["Slot"], True),
        (["Patient"], ["Patient"], False),
        (["Patient", "Slot"], ["Slot"], False),
        (["Patient"], [ANY_TYPE], False),
        ([ANY_TYPE], ["Slot"], False),
        (["Patient", ANY_TYPE], ["Slot"], False),
    ],
)
def test_a_write_makes_stale_what_is_about_its_types(
    about: list[str], written: list[str], *, current: bool
) -> None:
    async def scene() -> None:
        store = MemoryStore()
        ours, replica = InvalidationCounters(store), InvalidationCounters(store)
        before, here = await ours.snapshot(SITE, about), ours.local_marks(SITE, about)
        assert await ours.is_current(SITE, before)
        await ours.increment("another site", written)
        assert await ours.is_current(SITE, before)
        assert ours.local_marks(SITE, about) == here
        await replica.increment(SITE, written)
        assert await ours.is_current(SITE, before) is current
        assert await ours.confirm(SITE, before, about) == (before if current else None)
        await ours.increment(SITE, written)
        assert (ours.local_marks(SITE, about) == here) is current

    asyncio.run(scene())


def test_types_that_only_the_answer_showed_are_counted_unless_anything_was_written_meanwhile() -> None:
    async def scene() -> None:
        generations = InvalidationCounters(MemoryStore())
        await generations.increment(SITE, ["Practitioner"])
        before = await generations.snapshot(SITE, ["Patient"])
        found = await generations.confirm(SITE, before, ["Patient", "Practitioner"])
        assert found == {**before, **await generations.snapshot(SITE, ["Practitioner"])}
        assert found["Practitioner"] > 0
        await generations.increment(SITE, ["Slot"])
        assert await generations.confirm(SITE, before, ["Patient", "Practitioner"]) is None
        assert await generations.confirm(SITE, before, ["Patient"]) == before

    asyncio.run(scene())


def test_a_counter_that_was_dropped_never_comes_to_where_it_was() -> None:
    async def scene() -> None:
        full, emptied = InvalidationCounters(MemoryStore()), InvalidationCounters(MemoryStore())
        await full.increment(SITE, ["Patient"])
        before = await full.snapshot(SITE, ["Patient"])
        await emptied.increment(SITE, ["Patient"])
        assert not await emptied.is_current(SITE, before)

    asyncio.run(scene())


class Slow(MemoryStore):
    """A store that counts its looks and answers each when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.asked, self.go = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        found = await super().increment(name, amount, seconds)
        self.looks += 1
        self.asked.release()
        await self.go.acquire()
        return found


def test_a_hundred_who_ask_during_a_look_share_one_that_begins_after_they_asked() -> None:
    async def scene() -> None:
        store = Slow()
        ours = InvalidationCounters(store, is_shared=True)
        early = asyncio.create_task(ours.is_current(SITE, {"all": 0}))
        await store.asked.acquire()
        await MemoryStore.increment(store, f"generation/{SITE}/all", 5, 60)
        late = [asyncio.create_task(ours.is_current(SITE, {"all": 5})) for _ in range(100)]
        await asyncio.sleep(0)
        store.go.release()
        await store.asked.acquire()
        store.go.release()
        assert await early
        assert await asyncio.gather(*late) == [True] * 100
        assert store.looks == 2

    asyncio.run(scene())


def test_what_is_forgotten_counts_as_written() -> None:
    async def scene() -> None:
        generations = InvalidationCounters(MemoryStore(), max_local_marks=5)
        before = generations.local_marks(SITE, ["Patient"])
        await generations.increment(SITE, ["Patient"])
        written, unchanged = generations.local_marks(SITE, ["Patient"]), generations.local_change_check(SITE)
        for number in range(3):
            await generations.increment(f"site {number}", ["Slot"])
        assert len({before, written, generations.local_marks(SITE, ["Patient"])}) == 3
        assert not unchanged()
        assert generations.local_change_check(SITE)()
        assert len(generations._local_mark_by_tag) <= 5

    asyncio.run(scene())
