import asyncio

from structlog.testing import capture_logs
from support.scripted_upstream import Clock

from gateway.errors.failure import Failure
from gateway.resilience.rate_limits import RateLimits, SendCounter, SendPermit
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import RATE_LIMITED


async def go(rates: RateLimits) -> float:
    """The seconds to wait, after a request left if there are none."""
    wait = await rates.delay("k")
    if not wait:
        rates.record_sent("k")
    return wait


def test_replicas_share_the_rate_and_what_a_429_taught() -> None:
    async def steps() -> None:
        clock = Clock()
        store = MemoryStore(clock=clock)
        one, other = RateLimits(store, clock, 1.0), RateLimits(store, clock, 1.0)
        assert (await go(one), await go(other) > 0) == (0, True)
        await one.record_refusal("k", Failure(RATE_LIMITED, retry_after=30), clock())
        clock.now += 10
        assert round(await other.blocked_seconds("k")) == 20

    with capture_logs():
        asyncio.run(steps())


def test_unanswered_requests_hold_back_more() -> None:
    async def steps() -> None:
        clock = Clock()
        rates = RateLimits(MemoryStore(clock=clock), clock, 2.0)
        assert await go(rates) == 0
        clock.now += 0.6
        assert await go(rates) == 0
        clock.now += 0.8
        assert await go(rates) > 0
        clock.now += 0.7
        assert await go(rates) == 0

    asyncio.run(steps())


def test_a_turn_is_good_for_one_departure() -> None:
    clock = Clock()
    turn = SendPermit(RateLimits(MemoryStore(), clock).record_sent("k"))
    assert (turn.consume() is None, turn.consume() is None, turn.key) == (False, True, "k")


def test_a_wave_of_429s_is_one_line() -> None:
    async def steps() -> None:
        clock = Clock()
        rates = RateLimits(MemoryStore(clock=clock), clock, 2.0)
        assert rates.keys() == []
        await go(rates)
        started = clock()
        with capture_logs() as lines:
            for _ in range(3):
                clock.now += 0.01
                await rates.record_refusal("k", Failure(RATE_LIMITED, retry_after=1), started)
        assert [each["event"] for each in lines] == ["rate-limit-lowered"]
        assert rates.keys() == ["k"]

    asyncio.run(steps())


def test_keys_whose_slot_was_full_longest_ago_are_forgotten() -> None:
    async def steps() -> None:
        clock = Clock()
        store = MemoryStore(clock=clock)
        one, other = RateLimits(store, clock, 1.0), RateLimits(store, clock, 1.0)
        for key in map(str, range(4_200)):
            assert (await one.delay(key), await other.delay(key) > 0) == (0, True)
        assert len(other._full_slots) == 4_096

    asyncio.run(steps())


def test_use_is_seen_by_the_second() -> None:
    sent = SendCounter()
    assert (sent.observed_rate("k"), sent.last_sent_at("k")) == (1, 0)
    for second in (1, 1.5, 1.9, 2):
        sent.add("k", second)
    assert sent.observed_rate("k") == 3
    sent.add("k", 9)
    assert sent.observed_rate("k") == 1


def test_keys_that_were_used_longest_ago_are_forgotten() -> None:
    sent = SendCounter()
    for number in range(5_000):
        sent.add(str(number), 1)
    assert (sent.last_sent_at("0"), sent.last_sent_at("4999")) == (0, 1)
