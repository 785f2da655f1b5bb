import asyncio

from structlog.testing import capture_logs
from support.redis_server import RedisServer, redis_server
from support.scripted_upstream import Clock

from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import ENTRY_OVERHEAD, MemoryStore
from gateway.stores.redis import RedisStore


class Shared(MemoryStore):
    """A shared store that can be away."""

    away = False

    async def get(self, name: str) -> bytes | None:
        self._reached()
        return await super().get(name)

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        self._reached()
        await super().set(name, value, seconds)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        self._reached()
        return await super().increment(name, amount, seconds)

    async def problem(self) -> str:
        return "away" if self.away else ""

    def _reached(self) -> None:
        if self.away:
            raise ConnectionError("TimeoutError")


async def until_back(store: FallbackStore) -> None:
    for _ in range(500):
        if not await store.problem():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def test_what_the_shared_store_cannot_do_the_spare_does_and_one_line_says_so() -> None:
    async def scene() -> None:
        shared = Shared()
        store = FallbackStore(shared, MemoryStore, probe_interval=0.02)
        await store.set("v", b"1", 60)
        shared.away = True
        with capture_logs() as lines:
            assert await store.get("v") is None
            await store.set("v", b"2", 60)
            assert await store.get("v") == b"2"
            assert (store.is_down, (await store.read_stats()).used_bytes) == (True, ENTRY_OVERHEAD + 1)
            assert await store.acquire_lock("lease", "h", 60)
            await store.release_lock("lease", "h")
            await store.delete("v")
            assert "away (TimeoutError)" in await store.problem()
            await asyncio.sleep(0.05)
            shared.away = False
            await until_back(store)
        assert [each["event"] for each in lines] == ["shared-store-down", "shared-store-up"]
        assert (store.is_down, store.outages, (await store.read_stats()).entries) == (False, 1, 1)
        assert await store.get("v") == b"1"

    asyncio.run(scene())


def test_counters_raised_meanwhile_are_raised_before_anything_is_read_again() -> None:
    async def scene() -> None:
        shared = Shared()
        store = FallbackStore(shared, MemoryStore, probe_interval=0.02)
        await store.increment("n", 1, 60)
        shared.away = True
        assert [await store.increment("n", amount, 60) for amount in (1, 1, 0)] == [1, 2, 2]
        shared.away = False
        await until_back(store)
        assert await store.increment("n", 0, 60) == 3

    asyncio.run(scene())


def test_counters_whose_time_is_over_are_not_raised_late_and_none_are_kept_while_all_is_well() -> None:
    async def scene() -> None:
        clock, shared = Clock(), Shared()
        store = FallbackStore(shared, MemoryStore, probe_interval=0.02, clock=clock)
        for number in range(100):
            await store.increment(f"slot:{number}", 1, 5)
        assert len(store._missed_increments) == 0
        shared.away = True
        await store.increment("slot:old", 1, 5)
        clock.now += 6
        await store.increment("slot:new", 1, 5)
        assert list(store._missed_increments) == ["slot:new"]
        shared.away = False
        await until_back(store)
        assert [await store.increment(f"slot:{name}", 0, 5) for name in ("old", "new")] == [0, 1]

    asyncio.run(scene())


def test_each_absence_has_a_new_spare() -> None:
    async def scene() -> None:
        shared = Shared()
        store = FallbackStore(shared, MemoryStore, probe_interval=0.02)
        for _ in range(2):
            shared.away = True
            assert await store.get("v") is None
            await store.set("v", b"old", 60)
            shared.away = False
            await until_back(store)
        await store.aclose()

    asyncio.run(scene())


def test_it_outlives_a_redis_that_dies_and_comes_back() -> None:
    async def scene(running: RedisServer) -> None:
        redis = RedisStore(running.url, ["key"])
        store = FallbackStore(redis, MemoryStore, probe_interval=0.05)
        await store.set("v", b"1", 60)
        running.stop()
        await store.set("v", b"2", 60)
        assert await store.get("v") == b"2"
        running.start()
        await until_back(store)
        await store.set("v", b"3", 60)
        assert await redis.get("v") == b"3"
        await store.aclose()
        await redis.aclose()

    with redis_server() as running, capture_logs():
        asyncio.run(scene(running))
