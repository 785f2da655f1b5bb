"""Rates over minutes."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted_upstream import Clock

from gateway.resilience.rate_windows import RateWindows, window_wait, with_request
from gateway.stores.memory import MemoryStore
from gateway.upstreams.limits import RateWindow

pytestmark = pytest.mark.anyio
FIVE_MINUTES, THREE_MINUTES = RateWindow(300, 300.0), RateWindow(500, 180.0)


@given(
    st.lists(st.floats(0, 20), min_size=1, max_size=80),
    st.integers(1, 6),
    st.sampled_from([1.0, 7.5, 60.0, 300.0]),
)
def test_no_period_ever_has_more_requests_than_the_window(
    pauses: list[float], requests: int, seconds: float
) -> None:
    window, counts, now, sent = RateWindow(requests, seconds), {}, 1_000_000.0, []
    for pause in pauses:
        now += pause
        while wait := window_wait(counts, window, now):
            assert 0 < wait <= seconds * 62 / 60
            now += wait
        counts = with_request(counts, window, now)
        sent.append(now)
        assert len(counts) <= 61
    for end in sent:
        assert sum(end - seconds < at <= end for at in sent) <= requests


async def test_request_after_the_last_permitted_one_waits() -> None:
    clock = Clock()
    windows = RateWindows(MemoryStore(clock=clock), clock, (FIVE_MINUTES, THREE_MINUTES))
    assert [await windows.take("k") for _ in range(300)] == [0.0] * 300
    assert 300 <= await windows.take("k") <= 306
    assert await windows.wait_seconds("other") == 0
    clock.now += 306
    assert await windows.take("k") == 0


async def test_longest_wait_of_all_windows_counts() -> None:
    clock = Clock()
    windows = RateWindows(MemoryStore(clock=clock), clock, (RateWindow(2, 1.0), RateWindow(3, 60.0)))
    assert [await windows.take("k") for _ in range(2)] == [0.0, 0.0]
    assert 0 < await windows.take("k") < 1.1
    clock.now += 1.1
    assert await windows.take("k") == 0
    clock.now += 1.1
    assert await windows.take("k") > 50


async def test_replicas_share_the_windows() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    first, second = (RateWindows(store, clock, (RateWindow(10, 60.0),)) for _ in range(2))
    waits = await asyncio.gather(*(each.take("k") for each in (first, second) for _ in range(10)))
    assert sum(wait == 0 for wait in waits) == 10


async def test_counts_of_other_windows_are_forgotten() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    await RateWindows(store, clock, (RateWindow(1, 60.0),)).take("k")
    changed = RateWindows(store, clock, (RateWindow(5, 60.0), RateWindow(9, 90.0)))
    assert [await changed.take("k") for _ in range(5)] == [0.0] * 5
    assert await changed.take("k") > 0


def test_slot_counts_until_its_last_request_has_left_the_period() -> None:
    window = RateWindow(1, 60.0)
    counts = with_request({}, window, 120.9)
    assert window_wait(counts, window, 180.1) == pytest.approx(0.9)
    assert window_wait(counts, window, 181.0) == 0


async def test_table_of_callers_with_new_tokens_is_bounded() -> None:
    clock = Clock()
    windows = RateWindows(MemoryStore(clock=clock), clock, (FIVE_MINUTES, THREE_MINUTES))
    for number in range(5_000):
        assert await windows.take(f"token {number}") == 0
    assert len(windows._counts._local_copies) <= 4_096
