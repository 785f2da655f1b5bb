"""Fallback to a spare store while the shared store is down."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs
from support.redis_server import redis_server
from support.scripted_upstream import Clock

from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import ENTRY_OVERHEAD, MemoryStore
from gateway.stores.redis import RedisStore

pytestmark = pytest.mark.anyio


class SharedStore(MemoryStore):
    """A shared store that can be down."""

    is_down = False
    on_increment: Callable[[str], object] = staticmethod(lambda _: None)

    async def get(self, name: str) -> bytes | None:
        self._require_up()
        return await super().get(name)

    async def get_all(self, names: Sequence[str]) -> dict[str, bytes]:
        self._require_up()
        return await super().get_all(names)

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        self._require_up()
        await super().set(name, value, seconds)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        self._require_up()
        self.on_increment(name)
        return await super().increment(name, amount, seconds)

    async def problem(self) -> str:
        return "down" if self.is_down else ""

    def _require_up(self) -> None:
        if self.is_down:
            raise ConnectionError("TimeoutError")


async def until_back(store: FallbackStore) -> None:
    for _ in range(500):
        if not await store.problem():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_spare_replaces_shared_store_and_outage_is_logged() -> None:
    shared = SharedStore()
    store = FallbackStore(shared, MemoryStore, probe_interval=0.02)
    await store.set("v", b"1", 60)
    shared.is_down = True
    with capture_logs() as lines:
        assert await store.get_all(["v"]) == {}
        assert await store.get("v") is None
        await store.set("v", b"2", 60)
        assert (await store.get("v"), await store.get_all(["v"])) == (b"2", {"v": b"2"})
        assert (store.is_down, (await store.read_stats()).used_bytes) == (True, ENTRY_OVERHEAD + 1)
        assert await store.acquire_lock("lock", "h", 60)
        await store.release_lock("lock", "h")
        await store.delete("v")
        assert "unavailable (TimeoutError)" in await store.problem()
        await asyncio.sleep(0.05)
        shared.is_down = False
        await until_back(store)
    assert [line["event"] for line in lines] == ["shared-store-down", "shared-store-up"]
    assert (store.is_down, store.outages, (await store.read_stats()).entries) == (False, 1, 1)
    assert await store.get("v") == b"1"


async def test_missed_increments_are_replayed_before_the_next_read() -> None:
    shared = SharedStore()
    store = FallbackStore(shared, MemoryStore, probe_interval=0.02)
    await store.increment("n", 1, 60)
    shared.is_down = True
    assert [await store.increment("n", amount, 60) for amount in (1, 1, 0)] == [1, 2, 2]
    assert await store.read_invalidations("n", 60) == 2
    shared.is_down = False
    await until_back(store)
    assert await store.increment("n", 0, 60) == 3


async def test_counter_of_a_site_is_replayed_before_its_others() -> None:
    """A replica that finds it unchanged may store a response under the other counters as they are."""
    shared = SharedStore()
    store, replayed = FallbackStore(shared, MemoryStore, probe_interval=0.02), list[str]()
    shared.is_down = True
    for name in ("s/all", "s/Patient", "s/all", "s/Slot"):
        await store.increment(f"counter/{name}", 1, 60)
    shared.on_increment = replayed.append
    shared.is_down = False
    await until_back(store)
    assert (replayed[0], len(replayed)) == ("counter/s/all", 3)


async def test_expired_increments_are_not_replayed() -> None:
    clock, shared = Clock(), SharedStore()
    store = FallbackStore(shared, MemoryStore, probe_interval=0.02, clock=clock)
    for number in range(100):
        await store.increment(f"slot:{number}", 1, 5)
    assert len(store._missed_increments) == 0  # none are stored while the shared store is up
    shared.is_down = True
    await store.increment("slot:old", 1, 5)
    clock.now += 6
    await store.increment("slot:new", 1, 5)
    assert list(store._missed_increments) == ["slot:new"]
    shared.is_down = False
    await until_back(store)
    assert [await store.increment(f"slot:{name}", 0, 5) for name in ("old", "new")] == [0, 1]


async def test_each_outage_has_a_new_spare() -> None:
    shared = SharedStore()
    store = FallbackStore(shared, MemoryStore, probe_interval=0.02)
    for _ in range(2):
        shared.is_down = True
        assert await store.get("v") is None
        await store.set("v", b"old", 60)
        shared.is_down = False
        await until_back(store)
    await store.aclose()


async def test_store_that_fails_again_and_again_waits_longer() -> None:
    """A refusal that the probe does not see: it counts as down most of the time, until it holds a minute."""
    clock, shared, waits = Clock(), SharedStore(), list[float]()
    store = FallbackStore(shared, MemoryStore, probe_interval=0.001, clock=clock)
    for pause in (0, 0, 0, 59, 61):
        clock.now += pause
        shared.is_down = True
        await store.get("v")
        waits.append(store._first_wait)
        shared.is_down = False
        await until_back(store)
    assert waits == [0.001, 0.002, 0.004, 0.008, 0.001]
    store._first_wait = 59.0
    store._switch_to_spare("a test")
    assert store._first_wait == 60.0
    await store.aclose()


async def test_restarted_redis_is_used_again() -> None:
    with redis_server() as server, capture_logs():
        redis = RedisStore(server.url, ["key"])
        store = FallbackStore(redis, MemoryStore, probe_interval=0.05)
        await store.set("v", b"1", 60)
        server.stop()
        await store.set("v", b"2", 60)
        assert await store.get("v") == b"2"
        server.start()
        await until_back(store)
        await store.set("v", b"3", 60)
        assert await redis.get("v") == b"3"
        await store.aclose()
        await redis.aclose()
