"""Fallback to a spare store while the shared store is down."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

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
    on_replay: Callable[[str], Awaitable[object]] | None = None

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
        if self.on_replay:
            await self.on_replay(name)
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


async def miss_increments(store: FallbackStore, shared: SharedStore, *names: str) -> None:
    """Increment counters while the shared store is down, as it stays."""
    shared.is_down = True
    for name in names:
        await store.increment(name, 1, 60)


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
    await miss_increments(
        store, shared, "counter/s/all", "counter/s/Patient", "counter/s/all", "counter/s/Slot"
    )
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
    """A refusal that the probe does not see: it counts as down most of the time, until it holds."""
    clock, shared, waits = Clock(), SharedStore(), list[float]()
    store = FallbackStore(shared, MemoryStore, probe_interval=0.001, clock=clock)
    for pause in (0, 0, 0, 4, 6):
        clock.now += pause
        shared.is_down = True
        await store.get("v")
        waits.append(store._wait)
        shared.is_down = False
        await until_back(store)
    assert waits == [0.001, 0.002, 0.004, 0.008, 0.001]
    store._wait = 59.0
    store._switch_to_spare("a test")
    assert store._wait == 60.0
    await store.aclose()


async def waiting_store(shared: SharedStore) -> FallbackStore:
    """A store that failed again at once, so that it is not used for a minute."""
    clock = Clock()
    store = FallbackStore(shared, MemoryStore, probe_interval=0.01, clock=clock)
    store._up_since, store._wait = clock.now, 60.0
    shared.is_down = True
    await store.get("v")
    shared.is_down = False
    return store


async def until_value(shared: MemoryStore, name: str, value: int) -> None:
    for _ in range(500):
        if await shared.increment(name, 0, 60) == value:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_increments_are_replayed_before_the_store_is_used() -> None:
    """Other replicas use it already, and must know of the writes."""
    shared = SharedStore()
    store = await waiting_store(shared)
    for number in (1, 2):
        await store.increment("n", 1, 60)
        await until_value(shared, "n", number)
        assert store.is_down
    shared.is_down = True
    await store.increment("n", 1, 60)
    await asyncio.sleep(0.05)
    shared.is_down = False
    await until_value(shared, "n", 3)
    assert store.is_down
    await store.aclose()


async def test_process_that_ends_uses_the_store_at_once() -> None:
    shared = SharedStore()
    store = FallbackStore(shared, MemoryStore, probe_interval=600)
    shared.is_down = True
    await store.increment("counter/s/all", 1, 60)
    shared.is_down = False
    with capture_logs() as lines:
        await store.end_outage()
        assert not store.is_down
        assert await shared.increment("counter/s/all", 0, 60) == 1
        await store.aclose()
    assert [line["event"] for line in lines] == ["shared-store-up"]


async def test_invalidations_lost_at_the_end_are_counted() -> None:
    """Without their names, and without the counts of a request rate, which expire anyway."""
    shared = SharedStore()
    store = FallbackStore(shared, MemoryStore, probe_interval=600)
    await miss_increments(store, shared, "counter/s/all", "counter/s/Patient", "counter/s/all", "rate:s")
    with capture_logs() as lines:
        await store.aclose()
    (line,) = lines
    assert line == {"event": "invalidations-lost", "log_level": "warning", "counters": 2}


async def test_hanging_replay_at_the_end_counts_as_lost() -> None:
    shared, hanging = SharedStore(), asyncio.Event()
    store = FallbackStore(shared, MemoryStore, probe_interval=0.01)
    await miss_increments(store, shared, "counter/s/all", "counter/s/Patient")
    with capture_logs() as lines:
        shared.on_replay = lambda _: hanging.wait()
        shared.is_down = False
        await asyncio.sleep(0.05)
        await store.aclose()
    assert [line.get("counters") for line in lines] == [2]


async def test_write_during_the_replay_keeps_the_order() -> None:
    shared, replayed = SharedStore(), list[str]()
    store = FallbackStore(shared, MemoryStore, probe_interval=0.01)
    write = ("counter/s/all", "counter/s/Patient")

    async def note(name: str) -> None:
        replayed.append(name)
        if len(replayed) == 1:
            for each in write:
                await store.increment(each, 1, 60)

    await miss_increments(store, shared, *write)
    shared.on_replay = note
    shared.is_down = False
    await until_back(store)
    assert replayed == [*write, *write]
    assert [await shared.increment(name, 0, 60) for name in write] == [2, 2]


async def test_outage_during_the_replay_loses_no_increment() -> None:
    shared, names = SharedStore(), [f"counter/{number}" for number in range(4)]
    store = FallbackStore(shared, MemoryStore, probe_interval=0.01)
    failures = iter([False, True, False, True])

    def fail(_: str) -> None:
        if next(failures, False):
            raise ConnectionError("TimeoutError")

    await miss_increments(store, shared, *names)
    shared.on_increment = fail
    shared.is_down = False
    await until_back(store)
    assert [await store.increment(name, 0, 60) for name in names] == [1, 1, 1, 1]


async def test_beat_of_a_replica_is_never_replayed() -> None:
    """It would say that the replica uses the store, which it does not yet."""
    shared = SharedStore()
    store = await waiting_store(shared)
    await store.increment("replicas/1/beat", 1_000, 60)
    await store.increment("n", 1, 60)
    await until_value(shared, "n", 1)
    assert await shared.increment("replicas/1/beat", 0, 60) == 0
    await store.aclose()


async def test_restarted_redis_is_used_again() -> None:
    with redis_server() as server, capture_logs():
        redis = RedisStore(server.url, ["key"], 10)
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
