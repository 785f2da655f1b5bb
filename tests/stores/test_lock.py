import asyncio
from time import monotonic

import pytest

from gateway.stores.lock import run_as_leader
from gateway.stores.memory import MemoryStore


class Replica:
    """One of several processes on one store."""

    def __init__(self, store: MemoryStore, shelf: list[str]) -> None:
        self.store = store
        self.shelf = shelf
        self.asked = 0

    async def found(self) -> str | None:
        return self.shelf[0] if self.shelf else None

    async def ask(self) -> str:
        self.asked += 1
        await asyncio.sleep(0.2)
        self.shelf.append("kept")
        return "asked"

    async def fail(self) -> str:
        self.asked += 1
        raise LookupError

    async def get(self, seconds: float = 0.1) -> str:
        return await run_as_leader(self.store, "lease", seconds, self.found, self.ask)


def test_one_asks_and_the_others_take_what_it_kept_even_past_the_first_lease() -> None:
    async def scene() -> None:
        store, shelf = MemoryStore(), list[str]()
        replicas = [Replica(store, shelf) for _ in range(3)]
        answers = await asyncio.gather(*(each.get() for each in replicas))
        assert sorted(answers) == ["asked", "kept", "kept"]
        assert sum(each.asked for each in replicas) == 1

    asyncio.run(scene())


def test_a_dead_leader_delays_by_its_lease() -> None:
    async def scene() -> None:
        store = MemoryStore()
        await store.acquire_lock("lease", "dead", 0.3)
        replica, start = Replica(store, []), monotonic()
        assert await replica.get() == "asked"
        assert monotonic() - start >= 0.3

    asyncio.run(scene())


def test_a_leader_who_fails_lets_the_next_one_lead() -> None:
    async def scene() -> None:
        store = MemoryStore()
        replica = Replica(store, [])
        with pytest.raises(LookupError):
            await run_as_leader(store, "lease", 60, replica.found, replica.fail)
        assert await replica.get(60) == "asked"

    asyncio.run(scene())


class Deaf(MemoryStore):
    """A store whose client swallows a cancellation that comes when the answer does."""

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        try:
            await asyncio.sleep(0.06)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return await super().acquire_lock(name, holder, seconds)


def test_a_lease_is_free_when_its_leader_has_ended_even_if_it_was_being_renewed() -> None:
    async def scene() -> None:
        store = Deaf()
        assert await Replica(store, []).get(0.5) == "asked"
        assert await store.acquire_lock("lease", "another", 0.5)

    asyncio.run(scene())


def test_what_was_kept_just_before_the_lease_is_not_asked_for_again() -> None:
    async def scene() -> None:
        replica = Replica(MemoryStore(), ["kept"])
        assert (await replica.get(), replica.asked) == ("kept", 0)

    asyncio.run(scene())
