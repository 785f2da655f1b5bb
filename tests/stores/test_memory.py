import asyncio
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.base import StoreStats
from gateway.stores.memory import ENTRY_OVERHEAD, MemoryStore


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_value_is_there_until_its_time_is_over() -> None:
    async def scene() -> None:
        clock = Clock()
        store = MemoryStore(clock=clock)
        await store.set("a", b"1", 10)
        clock.now = 9.9
        assert await store.get("a") == b"1"
        clock.now = 10
        assert await store.get("a") is None

    asyncio.run(scene())


def test_the_least_recently_used_goes_first() -> None:
    async def scene() -> None:
        store = MemoryStore(max_bytes=2 * (ENTRY_OVERHEAD + 10))
        for name in ("a", "b"):
            await store.set(name, b"x" * 10, 60)
        await store.get("a")
        await store.set("c", b"x" * 10, 60)
        assert [await store.get(name) for name in "abc"] == [b"x" * 10, None, b"x" * 10]

    asyncio.run(scene())


def test_a_value_larger_than_the_store_is_not_kept_and_the_old_one_goes() -> None:
    async def scene() -> None:
        store = MemoryStore(max_bytes=ENTRY_OVERHEAD + 10)
        await store.set("a", b"1", 60)
        await store.set("a", b"x" * 11, 60)
        assert await store.get("a") is None
        assert await store.problem() == ""

    asyncio.run(scene())


def test_values_never_push_out_counters() -> None:
    async def scene() -> None:
        store = MemoryStore(max_bytes=2 * ENTRY_OVERHEAD)
        await store.increment("counter", 3, 60)
        for number in range(100):
            await store.set(str(number), b"x" * 50, 60)
        assert await store.increment("counter", 0, 60) == 3

    asyncio.run(scene())


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.binary(max_size=300), st.floats(0.1, 50)), max_size=60)
)
def test_it_never_holds_more_than_its_bytes(writes: list[tuple[str, bytes, float]]) -> None:
    async def scene() -> None:
        clock = Clock()
        store = MemoryStore(max_bytes=3 * ENTRY_OVERHEAD, clock=clock)
        for name, value, seconds in writes:
            clock.now += seconds / 10
            await store.set(name, value, seconds)
            assert store.used_bytes <= 3 * ENTRY_OVERHEAD
            assert await store.get(name) == value

    asyncio.run(scene())


@pytest.mark.parametrize("store", [MemoryStore()])
def test_counters_and_leases_keep_the_interface(store: Any) -> None:
    asyncio.run(keeps_the_interface(store))


async def keeps_the_interface(store: Any) -> None:
    """What every store does alike."""
    assert await store.get("v") is None
    await store.set("v", b"x" * 5_000, 60)
    assert await store.get("v") == b"x" * 5_000
    await store.delete("v", "not there")
    assert await store.get("v") is None
    assert [await store.increment("n", amount, 60) for amount in (0, 2, 0, 3)] == [0, 2, 2, 5]
    assert await store.increment("short", 1, 0.05) == 1
    await asyncio.sleep(0.1)
    assert await store.increment("short", 1, 0.05) == 1
    assert await store.acquire_lock("lease", "one", 60)
    assert await store.acquire_lock("lease", "one", 60)
    assert not await store.acquire_lock("lease", "two", 60)
    await store.release_lock("lease", "two")
    assert not await store.acquire_lock("lease", "two", 60)
    await store.release_lock("lease", "one")
    assert await store.acquire_lock("lease", "two", 0.05)
    await asyncio.sleep(0.1)
    assert await store.acquire_lock("lease", "one", 60)
    assert await store.problem() == ""


#: Keeps ten times what fits, and prints by how much the process grew, as a share of what may be kept.
CHURN = """
import asyncio, os, random
from pathlib import Path
from gateway.cache.stored_response import StoredResponse, encode
from gateway.stores.memory import MemoryStore

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def churn(chance=random.Random(1), most=20_000_000):
    store, before = MemoryStore(most), resident()
    for number in range(12_500):
        body = bytes(chance.randrange(2_000, 30_000))
        await store.set(str(number), encode(StoredResponse(0, 1, body=body)), 60)
    print((resident() - before) / most)

asyncio.run(churn())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
def test_stored_responses_take_the_memory_that_is_counted() -> None:
    program = subprocess.run([sys.executable, "-c", CHURN], capture_output=True, check=True, text=True)
    assert float(program.stdout) < 1.2


def test_its_figures_count_what_had_to_go_and_not_what_expired() -> None:
    async def scene() -> None:
        clock = Clock()
        store = MemoryStore(max_bytes=2 * (ENTRY_OVERHEAD + 10), clock=clock)
        for name in ("a", "b", "c"):
            await store.set(name, b"x" * 10, 60)
        await store.delete("b")
        assert await store.read_stats() == StoreStats(
            "embedded", 1, ENTRY_OVERHEAD + 10, 2 * (ENTRY_OVERHEAD + 10), 1
        )
        clock.now = 61
        await store.set("d", b"", 60)
        assert await store.read_stats() == StoreStats(
            "embedded", 1, ENTRY_OVERHEAD, 2 * (ENTRY_OVERHEAD + 10), 1
        )

    asyncio.run(scene())
