"""Embedded store."""

import asyncio
import subprocess
import sys
import tracemalloc
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.base import StoreStats
from gateway.stores.memory import ENTRY_OVERHEAD, MemoryStore

pytestmark = pytest.mark.anyio


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_value_expires_after_its_seconds() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    await store.set("a", b"1", 10)
    clock.now = 9.9
    assert await store.get("a") == b"1"
    clock.now = 10
    assert await store.get("a") is None


async def test_least_recently_used_value_is_evicted_first() -> None:
    store = MemoryStore(max_bytes=2 * (ENTRY_OVERHEAD + 10))
    for name in ("a", "b"):
        await store.set(name, b"x" * 10, 60)
    await store.get("a")
    await store.set("c", b"x" * 10, 60)
    assert [await store.get(name) for name in "abc"] == [b"x" * 10, None, b"x" * 10]


async def test_value_larger_than_the_store_only_deletes_the_old() -> None:
    store = MemoryStore(max_bytes=ENTRY_OVERHEAD + 10)
    await store.set("a", b"1", 60)
    await store.set("a", b"x" * 11, 60)
    assert await store.get("a") is None
    assert await store.problem() == ""


async def test_values_do_not_evict_counters() -> None:
    store = MemoryStore(max_bytes=2 * ENTRY_OVERHEAD)
    await store.increment("counter", 3, 60)
    for number in range(100):
        await store.set(str(number), b"x" * 50, 60)
    assert await store.increment("counter", 0, 60) == 3


async def test_counter_ends_its_seconds_after_the_last_increment() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    await store.increment("counter", 3, 60)
    clock.now += 59
    assert await store.increment("counter", 1, 60) == 4
    clock.now += 59
    assert await store.increment("counter", 0, 60) == 4
    clock.now += 60
    assert await store.increment("counter", 0, 60) == 0
    assert await store.increment("counter", 1, 60) == 1


async def test_reading_does_not_shorten_the_life_of_a_counter() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    await store.increment("counter/a", 3, 60)
    await store.increment("counter/a", 0, 10)
    clock.now += 59
    assert await store.read_invalidations("counter/a", 10) == 3


@pytest.mark.parametrize("amounts", [(5,), (0, 5), (0, 5, 0, 1)])
async def test_lost_counter_of_invalidations_has_no_earlier_number(amounts: tuple[int, ...]) -> None:
    clock = Clock()
    store = MemoryStore(max_bytes=0, clock=clock)
    seen = [await store.increment("counter/a", amount, 60) for amount in amounts]
    for lose in (partial(expire, clock), partial(evict_counters, store)):
        await lose()
        numbers = [await store.increment("counter/a", amount, 60) for amount in (0, 0, 1, 0)]
        assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
        assert not {*seen} & {*numbers}
        seen += numbers


async def expire(clock: Clock) -> None:
    clock.now += 60


async def evict_counters(store: MemoryStore) -> None:
    for number in range(1_000):
        await store.increment(str(number), 1, 60)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.binary(max_size=300), st.floats(0.1, 50)), max_size=60)
)
def test_used_bytes_never_exceed_max_bytes(writes: list[tuple[str, bytes, float]]) -> None:
    async def write_all() -> None:
        clock = Clock()
        store = MemoryStore(max_bytes=3 * ENTRY_OVERHEAD, clock=clock)
        for name, value, seconds in writes:
            clock.now += seconds / 10
            await store.set(name, value, seconds)
            assert store.used_bytes <= 3 * ENTRY_OVERHEAD
            assert await store.get(name) == value

    asyncio.run(write_all())


async def test_memory_store_has_the_interface_of_a_store() -> None:
    await check_store_interface(MemoryStore())


async def check_store_interface(store: Any) -> None:
    """Check the behaviour that all stores share."""
    assert await store.get("v") is None
    await store.set("v", b"x" * 5_000, 60)
    assert await store.get("v") == b"x" * 5_000
    for number in range(0, 250, 2):
        await store.set(f"many/{number}", b"%d" % number, 60)
    many = {f"many/{number}": b"%d" % number for number in range(0, 250, 2)}
    assert await store.get_all([f"many/{number}" for number in range(250)]) == many
    assert await store.get_all([]) == {}
    await store.delete("v", "missing")
    assert await store.get("v") is None
    assert [await store.increment("n", amount, 60) for amount in (0, 2, 0, 3)] == [0, 2, 2, 5]
    assert await store.increment("short", 1, 0.05) == 1
    await asyncio.sleep(0.1)
    assert await store.increment("short", 1, 0.05) == 1
    await check_lost_counter(store)
    assert await store.acquire_lock("lock", "one", 60)
    assert await store.acquire_lock("lock", "one", 60)
    assert not await store.acquire_lock("lock", "two", 60)
    await store.release_lock("lock", "two")
    assert not await store.acquire_lock("lock", "two", 60)
    await store.release_lock("lock", "one")
    assert await store.acquire_lock("lock", "two", 0.05)
    await asyncio.sleep(0.1)
    assert await store.acquire_lock("lock", "one", 60)
    assert await store.problem() == ""


async def check_lost_counter(store: Any) -> None:
    """Check that a counter of invalidations which expired has none of its numbers again."""
    numbers = [await store.increment("counter/s", amount, 0.3) for amount in (0, 0, 1, 0)]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
    assert await store.read_invalidations("counter/s", 0.3) == numbers[-1]
    await asyncio.sleep(0.35)
    assert await store.read_invalidations("counter/s", 60) not in numbers
    assert await store.increment("counter/s", 0, 60) not in numbers


#: Stores ten times `max_bytes` and prints the growth of the process, as a share of `max_bytes`.
PROGRAM = """
import asyncio, os, random
from pathlib import Path
from gateway.cache.stored_response import StoredResponse, encode
from gateway.stores.memory import MemoryStore

def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def measure(random_numbers=random.Random(1), max_bytes=20_000_000):
    store, before = MemoryStore(max_bytes), resident_bytes()
    for number in range(12_500):
        body = bytes(random_numbers.randrange(2_000, 30_000))
        await store.set(str(number), encode(StoredResponse(0, 1, body=body)), 60)
    print((resident_bytes() - before) / max_bytes)

asyncio.run(measure())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
def test_stored_responses_need_the_memory_that_is_counted() -> None:
    program = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    assert float(program.stdout) < 1.2


async def test_stats_count_evictions_without_expired_values() -> None:
    clock, max_bytes = Clock(), 2 * (ENTRY_OVERHEAD + 10)
    store = MemoryStore(max_bytes=max_bytes, clock=clock)
    for name in ("a", "b", "c"):
        await store.set(name, b"x" * 10, 60)
    await store.delete("b")
    assert await store.read_stats() == StoreStats("embedded", 1, ENTRY_OVERHEAD + 10, max_bytes, 1)
    clock.now = 61
    await store.set("d", b"", 60)
    assert await store.read_stats() == StoreStats("embedded", 1, ENTRY_OVERHEAD, max_bytes, 1)


@pytest.mark.parametrize("value_bytes", [0, 100, 5_000])
async def test_memory_is_at_most_a_third_above_the_maximum(value_bytes: int) -> None:
    max_bytes, names = 8_000_000, [f"{number:064d}:{number:064d}" for number in range(20_000)]
    tracemalloc.start()
    try:
        store = MemoryStore(max_bytes)
        for name in names:
            await store.set(name, msgspec.msgpack.encode([bytes(value_bytes)]), 60)
            await store.increment(name, 1, 60)
            await store.acquire_lock(name, "holder", 60)
        measured, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert measured < 1.3 * max_bytes
