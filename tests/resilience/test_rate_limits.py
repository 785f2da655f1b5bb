"""Rate limits and send counter."""

import pytest
from structlog.testing import capture_logs
from support.scripted_upstream import Clock

from gateway.errors.failure import Failure
from gateway.resilience.rate_limits import RateLimits, SendCounter
from gateway.resilience.rate_windows import RateWindows
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import RATE_LIMITED
from gateway.upstreams.limits import RateWindow

pytestmark = pytest.mark.anyio


async def send(rates: RateLimits) -> float:
    """Send a request if it need not wait; return the wait in seconds."""
    wait = await rates.delay("k")
    if not wait:
        rates.record_sent("k")
    return wait


async def test_replicas_share_the_rate_and_the_retry_after() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    first, second = RateLimits(store, clock, 1.0), RateLimits(store, clock, 1.0)
    assert (await send(first), await send(second) > 0) == (0, True)
    await first.record_refusal("k", Failure(RATE_LIMITED, retry_after=30), clock())
    clock.now += 10
    assert round(await second.blocked_seconds("k")) == 20


async def test_requests_without_response_delay_further_requests() -> None:
    clock = Clock()
    rates = RateLimits(MemoryStore(clock=clock), clock, 2.0)
    assert await send(rates) == 0
    clock.now += 0.6
    assert await send(rates) == 0
    clock.now += 0.8
    assert await send(rates) > 0
    clock.now += 0.7
    assert await send(rates) == 0


async def test_concurrent_429s_log_one_line() -> None:
    clock = Clock()
    rates = RateLimits(MemoryStore(clock=clock), clock, 2.0)
    assert rates.keys_among({"k"}) == []
    await send(rates)
    started = clock()
    with capture_logs() as lines:
        for _ in range(3):
            clock.now += 0.01
            await rates.record_refusal("k", Failure(RATE_LIMITED, retry_after=1), started)
    assert [line["event"] for line in lines] == ["rate-limit-lowered"]
    assert rates.keys_among(set()) == ["k"]


async def test_only_given_keys_and_limited_keys_are_listed() -> None:
    rates = RateLimits(MemoryStore(), Clock(), 2.0)
    for key in ("named", "made-up"):
        rates.record_sent(key)
    assert rates.keys_among({"named", "idle"}) == ["named"]


async def test_least_recently_full_slot_is_dropped() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    first, second = RateLimits(store, clock, 1.0), RateLimits(store, clock, 1.0)
    for key in map(str, range(4_200)):
        assert (await first.delay(key), await second.delay(key) > 0) == (0, True)
    assert len(second._full_slots) == 4_096


def test_observed_rate_counts_by_the_second() -> None:
    counter = SendCounter()
    assert (counter.observed_rate("k"), counter.last_sent_at("k")) == (1, 0)
    for second in (1, 1.5, 1.9, 2):
        counter.add("k", second)
    assert counter.observed_rate("k") == 3
    counter.add("k", 9)
    assert counter.observed_rate("k") == 1


def test_least_recently_used_key_is_dropped() -> None:
    counter = SendCounter()
    for number in range(5_000):
        counter.add(str(number), 1)
    assert (counter.last_sent_at("0"), counter.last_sent_at("4999")) == (0, 1)


async def test_held_key_waits_without_a_lower_rate() -> None:
    clock = Clock()
    rates = RateLimits(MemoryStore(clock=clock), clock)
    await rates.hold("k:Patient", 20)
    await rates.hold("k:Patient", 5)
    assert (await rates.delay("k:Patient"), await rates.current_rate("k:Patient")) == (20, None)
    assert await rates.delay("k:Observation") == 0
    assert list(await rates.blocked_keys()) == ["k:Patient"]
    clock.now += 20
    assert await rates.delay("k:Patient") == 0


async def test_refusal_only_blocks_where_the_limits_are_known() -> None:
    clock = Clock()
    rates = RateLimits(MemoryStore(clock=clock), clock, lowers_rates=False)
    await rates.record_refusal("k", Failure(RATE_LIMITED, retry_after=30), clock())
    assert (await rates.blocked_seconds("k"), await rates.current_rate("k")) == (30, None)


async def test_endpoints_of_a_caller_share_its_ceiling() -> None:
    clock = Clock()
    rates = RateLimits(MemoryStore(clock=clock), clock, 1.0)
    assert await rates.delay("k:Patient") == 0
    rates.record_sent("k:Patient")
    assert await rates.delay("k:Observation") > 0
    assert await rates.delay("other:Patient") == 0


async def test_full_window_blocks_all_endpoints_of_its_caller() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    windows = RateWindows(store, clock, (RateWindow(2, 60.0),))
    rates = RateLimits(store, clock, windows=windows)
    assert [await rates.delay(f"k:{name}") for name in ("Patient", "Slot")] == [0, 0]
    assert await rates.delay("k:Patient") == await rates.blocked_seconds("k:Slot") > 50
    assert await rates.delay("k:Patient", in_windows=True) == 0
    assert await rates.blocked_seconds("other") == 0
