import asyncio

import pytest

from gateway.cache.freshness import ANY_TYPE
from gateway.cache.invalidation import Generations
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
        ours, replica = Generations(store), Generations(store)
        before, here = await ours.read(SITE, about), ours.here(SITE, about)
        assert await ours.current(SITE, before)
        await ours.raised("another site", written)
        assert await ours.current(SITE, before)
        assert ours.here(SITE, about) == here
        await replica.raised(SITE, written)
        assert await ours.current(SITE, before) is current
        assert await ours.completed(SITE, before, about) == (before if current else None)
        await ours.raised(SITE, written)
        assert (ours.here(SITE, about) == here) is current

    asyncio.run(scene())


def test_types_that_only_the_answer_showed_are_counted_unless_anything_was_written_meanwhile() -> None:
    async def scene() -> None:
        generations = Generations(MemoryStore())
        await generations.raised(SITE, ["Practitioner"])
        before = await generations.read(SITE, ["Patient"])
        found = await generations.completed(SITE, before, ["Patient", "Practitioner"])
        assert found == {**before, **await generations.read(SITE, ["Practitioner"])}
        assert found["Practitioner"] > 0
        await generations.raised(SITE, ["Slot"])
        assert await generations.completed(SITE, before, ["Patient", "Practitioner"]) is None
        assert await generations.completed(SITE, before, ["Patient"]) == before

    asyncio.run(scene())


def test_a_counter_that_was_dropped_never_comes_to_where_it_was() -> None:
    async def scene() -> None:
        full, emptied = Generations(MemoryStore()), Generations(MemoryStore())
        await full.raised(SITE, ["Patient"])
        before = await full.read(SITE, ["Patient"])
        await emptied.raised(SITE, ["Patient"])
        assert not await emptied.current(SITE, before)

    asyncio.run(scene())


class Slow(MemoryStore):
    """A store that counts its looks and answers each when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.asked, self.go = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def add(self, name: str, amount: int, seconds: float) -> int:
        found = await super().add(name, amount, seconds)
        self.looks += 1
        self.asked.release()
        await self.go.acquire()
        return found


def test_a_hundred_who_ask_during_a_look_share_one_that_begins_after_they_asked() -> None:
    async def scene() -> None:
        store = Slow()
        ours = Generations(store, shared=True)
        early = asyncio.create_task(ours.current(SITE, {"all": 0}))
        await store.asked.acquire()
        await MemoryStore.add(store, f"generation/{SITE}/all", 5, 60)
        late = [asyncio.create_task(ours.current(SITE, {"all": 5})) for _ in range(100)]
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
        generations = Generations(MemoryStore(), most=5)
        before = generations.here(SITE, ["Patient"])
        await generations.raised(SITE, ["Patient"])
        written, unchanged = generations.here(SITE, ["Patient"]), generations.unchanged(SITE)
        for number in range(3):
            await generations.raised(f"site {number}", ["Slot"])
        assert len({before, written, generations.here(SITE, ["Patient"])}) == 3
        assert not unchanged()
        assert generations.unchanged(SITE)()
        assert len(generations._here) <= 5

    asyncio.run(scene())
