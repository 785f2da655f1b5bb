"""Part of a store for one upstream."""

import pytest

from gateway.stores.memory import MemoryStore
from gateway.stores.namespace import NamespacedStore

pytestmark = pytest.mark.anyio


async def test_namespaces_share_no_values_counters_or_locks() -> None:
    store = MemoryStore()
    first, second, again = (NamespacedStore(store, name) for name in ("a", "b", "a"))
    await first.set("x", b"1", 60)
    assert (await second.get("x"), await again.get("x")) == (None, b"1")
    assert (await second.get_all("x"), await again.get_all("xy")) == ({}, {"x": b"1"})
    assert [await part.increment("n", 1, 60) for part in (first, second, again)] == [1, 1, 2]
    assert [await part.read_invalidations("n", 60) for part in (first, second, again)] == [2, 1, 2]
    assert await first.acquire_lock("l", "h", 60)
    assert await second.acquire_lock("l", "other", 60)
    assert not await again.acquire_lock("l", "other", 60)
    await again.release_lock("l", "h")
    assert await first.acquire_lock("l", "other", 60)
    await again.delete("x")
    assert await first.get("x") is None


async def test_figures_are_those_of_the_whole_store() -> None:
    store = MemoryStore()
    part = NamespacedStore(store, "a")
    assert (await part.read_stats(), await part.problem()) == (await store.read_stats(), "")
