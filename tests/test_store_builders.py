"""Builders of store, channel and ledger."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.secrets import SECRET

from gateway.settings import Cache, Settings
from gateway.store_builders import create_ledger, ledger_url, open_channel, open_store
from gateway.stores.base import INVALIDATION_PREFIX
from gateway.stores.channel import NoChannel
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore
from gateway.stores.redis_channel import RedisChannel

SHARED = Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": [SECRET]})


def test_store_without_redis_is_in_memory() -> None:
    assert isinstance(open_store(Cache(), AsyncExitStack()), MemoryStore)


@pytest.mark.anyio
async def test_unavailable_redis_is_replaced_by_memory() -> None:
    async with AsyncExitStack() as exit_stack:
        store = open_store(SHARED, exit_stack)
        assert isinstance(store, FallbackStore)
        await store.set("a", b"1", 10)
        assert await store.get("a") == b"1"
        assert await store.problem()


@pytest.mark.anyio
async def test_each_outage_counts_invalidations_from_another_number() -> None:
    name, numbers = f"{INVALIDATION_PREFIX}site/all", set()
    for _ in range(2):
        async with AsyncExitStack() as exit_stack:
            store = open_store(SHARED, exit_stack)
            numbers.add(await store.read_invalidations(name, 60))
            numbers.add(await store.increment(name, 1, 60))
    assert len(numbers) == 4


def test_replicas_with_redis_share_a_ledger_without_configured_file(tmp_path: Path) -> None:
    redis = {"redis": {"url": "redis://127.0.0.1:1"}, "keys": [SECRET]}
    path = str(tmp_path / "ledger.db")
    for ledger, url in (
        ({}, "redis://127.0.0.1:1"),
        ({"path": path}, ""),
        ({"path": path, "store": "redis"}, "redis://127.0.0.1:1"),
        ({"path": path, "store": "file"}, ""),
        ({"store": "file"}, ""),
    ):
        settings = Settings.model_validate({"cache": redis, "ledger": ledger})
        create_ledger(settings)
        assert ledger_url(settings) == url
    assert ledger_url(Settings()) == ""


def test_replicas_on_one_redis_have_a_channel() -> None:
    assert isinstance(open_channel(SHARED), RedisChannel)
    assert isinstance(open_channel(Cache()), NoChannel)
