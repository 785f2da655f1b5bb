import asyncio

import msgspec
from support.scripted_upstream import Clock

from gateway.stores.memory import MemoryStore
from gateway.stores.replicated import ReplicatedValues


class Away(MemoryStore):
    """A store that has lost everything and says so."""

    lost = False

    async def get(self, name: str) -> bytes | None:
        return None if self.lost else await super().get(name)

    async def problem(self) -> str:
        return "away" if self.lost else ""


class Slow(MemoryStore):
    """A store that counts its looks and answers them when `ready` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.ready, self.asked = asyncio.Event(), asyncio.Event()
        self.looks = 0

    async def get(self, name: str) -> bytes | None:
        self.looks += 1
        self.asked.set()
        found = await super().get(name)
        await self.ready.wait()
        return found


def pair() -> tuple[Clock, Away, ReplicatedValues[int], ReplicatedValues[int]]:
    clock = Clock()
    store = Away(clock=clock)
    one, two = (ReplicatedValues(store, int, "n:", clock, lifetime=60) for _ in range(2))
    return clock, store, one, two


def test_one_replica_learns_of_another_within_a_second() -> None:
    async def steps() -> None:
        clock, _, one, two = pair()
        assert await two.get("a") is None
        await one.set("a", 1)
        assert [await two.get("a"), await two.get("a", skip_local_copy=True)] == [None, 1]
        await one.delete("a")
        assert await two.get("a") == 1
        clock.now += 1
        assert await two.get("a") is None

    asyncio.run(steps())


def test_a_value_ends_with_its_time() -> None:
    async def steps() -> None:
        clock, _, one, _ = pair()
        await one.set("a", 1)
        assert one.names() == ("a",)
        clock.now += 61
        assert await one.get("a") is None
        assert one.names() == ()

    asyncio.run(steps())


def test_while_the_store_is_away_the_local_copy_stands() -> None:
    async def steps() -> None:
        clock, store, one, _ = pair()
        await one.set("a", 1)
        store.lost = True
        clock.now += 5
        assert await one.get("a") == 1
        assert await one.get("b") is None

    asyncio.run(steps())


def test_local_copies_are_bounded() -> None:
    async def steps() -> None:
        _, _, one, _ = pair()
        for number in range(5_000):
            await one.get(str(number))
        assert len(one._local_copies) == 4_096

    asyncio.run(steps())


def test_changes_at_once_by_two_replicas_all_count() -> None:
    async def steps() -> None:
        _, store, one, two = pair()
        await asyncio.gather(*(each.update("a", lambda n: (n or 0) + 1) for each in (one, two) * 10))
        assert await one.get("a", skip_local_copy=True) == 20
        assert await two.update("a", lambda n: n) == 20
        assert await two.update("a", lambda _: None) is None
        assert await store.get("n:a") is None

    asyncio.run(steps())


def test_a_change_whose_author_died_holds_the_next_up_for_two_seconds_at_most() -> None:
    async def steps() -> None:
        clock, store, one, _ = pair()
        await store.acquire_lock("changing:n:a", "dead", 2.0)
        later = asyncio.create_task(one.update("a", lambda _: 1))
        await asyncio.sleep(0)
        assert not later.done()
        clock.now += 2.1
        assert await later == 1

    asyncio.run(steps())


def test_what_another_version_wrote_is_as_if_nothing_was_there() -> None:
    async def steps() -> None:
        _, store, one, _ = pair()
        await store.set("n:a", msgspec.msgpack.encode("another shape"), 60)
        assert await one.get("a") is None

    asyncio.run(steps())


def test_a_hundred_at_once_look_into_the_store_once() -> None:
    async def steps() -> None:
        clock, store = Clock(), Slow()
        one = ReplicatedValues(store, int, "n:", clock, lifetime=60)
        await one.set("a", 1)
        for looks in (1, 2):
            clock.now += 1
            store.ready.clear()
            waiting = [asyncio.create_task(one.get("a")) for _ in range(100)]
            await asyncio.sleep(0)
            waiting.pop().cancel()
            store.ready.set()
            assert await asyncio.gather(*waiting) == [1] * 99
            assert store.looks == looks

    asyncio.run(steps())


def test_what_is_set_during_a_look_is_newer_than_what_it_finds() -> None:
    async def steps() -> None:
        store = Slow()
        one = ReplicatedValues(store, int, "n:", Clock(), lifetime=60)
        look = asyncio.create_task(one.get("a"))
        await store.asked.wait()
        await one.set("a", 1)
        store.ready.set()
        assert [await look, await one.get("a")] == [1, 1]

    asyncio.run(steps())
