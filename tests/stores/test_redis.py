import asyncio
import signal
from collections.abc import Iterator

import pytest
from redis import Redis
from stores.test_memory import keeps_the_interface
from support.redis_server import RedisServer, redis_server

from gateway.stores.base import StoreStats
from gateway.stores.redis import RedisStore

KEYS = ["a configured key"]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


def test_it_keeps_the_interface_of_a_store(server: RedisServer) -> None:
    async def scene() -> None:
        store = RedisStore(server.url, KEYS)
        await keeps_the_interface(store)
        await store.aclose()

    asyncio.run(scene())


def test_values_are_small_and_unreadable_in_redis(server: RedisServer) -> None:
    async def scene() -> None:
        store = RedisStore(server.url, KEYS)
        await store.set("small", b"Zzyzx", 60)
        await store.set("large", b"Zzyzx" * 1000, 60)
        assert (await store.get("small"), await store.get("large")) == (b"Zzyzx", b"Zzyzx" * 1000)
        await store.aclose()

    asyncio.run(scene())
    with Redis.from_url(server.url) as redis:
        small, large = (redis.get(f"halo-gateway/{name}") for name in ("small", "large"))
        assert isinstance(small, bytes)
        assert isinstance(large, bytes)
        assert b"Zzyzx" not in small + large
        assert len(large) < 200
        redis.set("halo-gateway/moved", small)
        assert redis.pttl("halo-gateway/small") > 0
    asyncio.run(unreadable(server, "moved", KEYS))
    asyncio.run(unreadable(server, "small", ["another key"]))


async def unreadable(server: RedisServer, name: str, keys: list[str]) -> None:
    store = RedisStore(server.url, keys)
    assert await store.get(name) is None
    await store.aclose()


def test_an_older_key_still_opens(server: RedisServer) -> None:
    async def scene() -> None:
        old, new = RedisStore(server.url, ["old"]), RedisStore(server.url, ["new", "old"])
        await old.set("v", b"1", 60)
        assert await new.get("v") == b"1"
        await old.aclose()
        await new.aclose()

    asyncio.run(scene())


def test_a_slow_redis_is_given_up_in_time() -> None:
    async def scene(running: RedisServer) -> None:
        store = RedisStore(running.url, KEYS, timeout=0.2)
        await store.set("v", b"1", 60)
        running.signal(signal.SIGSTOP)
        for act in (
            lambda: store.get("v"),
            lambda: store.increment("n", 1, 60),
            lambda: store.acquire_lock("l", "h", 1),
        ):
            async with asyncio.timeout(1):
                with pytest.raises(ConnectionError):
                    await act()
        assert "does not take writes" in await store.problem()
        running.signal(signal.SIGCONT)
        assert await store.get("v") == b"1"
        await store.aclose()

    with redis_server() as running:
        asyncio.run(scene(running))


def test_a_full_redis_has_a_problem_though_it_reads() -> None:
    async def scene(running: RedisServer) -> None:
        store = RedisStore(running.url, KEYS)
        await store.set("v", b"1", 60)
        running.configure("maxmemory", "1")
        assert await store.get("v") == b"1"
        assert await store.problem() == "Redis does not take writes: OutOfMemoryError"
        with pytest.raises(ConnectionError):
            await store.set("w", b"1", 60)
        await store.aclose()

    with redis_server("--maxmemory-policy", "noeviction") as running:
        asyncio.run(scene(running))


def test_its_figures_are_redis_own_and_nothing_where_it_does_not_say(server: RedisServer) -> None:
    async def scene() -> None:
        store = RedisStore(server.url, KEYS)
        await store.set("figures", b"1", 60)
        found = await store.read_stats()
        assert (found.backend, found.max_bytes, found.evictions) == ("redis", 0, 0)
        assert found.entries
        assert found.used_bytes
        await store.aclose()
        silent = RedisStore("redis://127.0.0.1:9/0", KEYS)
        assert await silent.read_stats() == StoreStats("redis")
        await silent.aclose()

    asyncio.run(scene())
