"""Sliding window."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.resilience.sliding_window import MAX_ARRIVAL_DELAY, SlidingWindow


def test_request_counts_until_one_second_after_its_response() -> None:
    window = SlidingWindow()
    sent_request = window.record_sent("k", 10.0)
    assert window.wait_seconds("k", 1, 10.1) == 10.0 + MAX_ARRIVAL_DELAY + 1 - 10.1
    window.record_response(sent_request, 10.2)
    assert round(window.wait_seconds("k", 1, 10.3), 6) == 0.9
    assert (window.wait_seconds("k", 2, 10.3), window.wait_seconds("other", 1, 10.3)) == (0, 0)
    assert window.wait_seconds("k", 1, 11.2) == 0


def test_response_shows_arrival_of_requests_sent_before() -> None:
    window = SlidingWindow()
    window.record_sent("k", 10.0)
    second = window.record_sent("k", 10.1)
    window.record_sent("k", 10.15)
    window.record_response(second, 10.3)
    assert window.wait_seconds("k", 2, 11.31) == 0
    assert window.wait_seconds("k", 1, 11.31) > 0


def test_slow_response_is_not_a_late_arrival() -> None:
    window = SlidingWindow()
    slow = window.record_sent("k", 10.0)
    assert window.wait_seconds("k", 1, 10.0 + MAX_ARRIVAL_DELAY + 1) == 0
    window.record_response(slow, 40.0)
    assert window.wait_seconds("k", 1, 40.0) == 0


def test_least_recently_used_key_is_dropped() -> None:
    window = SlidingWindow()
    first = window.record_sent("0", 1.0)
    for number in range(1, 5_000):
        window.record_sent(str(number), 1.0)
    window.record_response(first, 1.0)
    assert window.wait_seconds("0", 1, 1.0) == 0
    assert window.wait_seconds("4999", 1, 1.0) > 0


@given(st.lists(st.tuples(st.floats(0, 0.24), st.floats(0, 2)), min_size=20, max_size=60), st.integers(1, 9))
def test_no_second_exceeds_the_limit_with_any_network_delay(
    delays: list[tuple[float, float]], limit: int
) -> None:
    """Each request arrives after its first delay and has its response after the second."""
    now, window, arrival_times = 1_000.0, SlidingWindow(), list[float]()
    responses = list[tuple[float, int]]()
    sent_requests = {}
    for number, (delay, work) in enumerate(delays):
        while wait := window.wait_seconds("k", limit, now):
            now += max(wait, 1e-6)
            for response in [response for response in responses if response[0] <= now]:
                window.record_response(sent_requests[response[1]], response[0])
                responses.remove(response)
        sent_requests[number] = window.record_sent("k", now)
        arrival_times.append(now + delay)
        responses.append((now + delay + work, number))
    times = sorted(arrival_times)
    assert all(later - first >= 1 - 1e-4 for first, later in zip(times, times[limit:], strict=False))
    assert all(first <= later for first, later in pairwise(times))


def test_arrivals_are_dropped_without_waiting_requests() -> None:
    window = SlidingWindow()
    for second in range(1_000):
        window.record_response(window.record_sent("k", second), second + 0.1)
    assert len(window._windows["k"].arrival_times) == 1
