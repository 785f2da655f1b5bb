from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.resilience.sliding_window import MAX_ARRIVAL_DELAY, SlidingWindow


def test_a_request_counts_until_a_second_after_its_answer() -> None:
    arrivals = SlidingWindow()
    departure = arrivals.record_sent("k", 10.0)
    assert arrivals.wait_seconds("k", 1, 10.1) == 10.0 + MAX_ARRIVAL_DELAY + 1 - 10.1
    arrivals.record_response(departure, 10.2)
    assert round(arrivals.wait_seconds("k", 1, 10.3), 6) == 0.9
    assert (arrivals.wait_seconds("k", 2, 10.3), arrivals.wait_seconds("other", 1, 10.3)) == (0, 0)
    assert arrivals.wait_seconds("k", 1, 11.2) == 0


def test_an_answer_shows_that_what_left_before_has_arrived() -> None:
    arrivals = SlidingWindow()
    arrivals.record_sent("k", 10.0)
    second = arrivals.record_sent("k", 10.1)
    arrivals.record_sent("k", 10.15)
    arrivals.record_response(second, 10.3)
    assert arrivals.wait_seconds("k", 2, 11.31) == 0
    assert arrivals.wait_seconds("k", 1, 11.31) > 0


def test_a_slow_answer_is_no_late_arrival() -> None:
    arrivals = SlidingWindow()
    slow = arrivals.record_sent("k", 10.0)
    assert arrivals.wait_seconds("k", 1, 10.0 + MAX_ARRIVAL_DELAY + 1) == 0
    arrivals.record_response(slow, 40.0)
    assert arrivals.wait_seconds("k", 1, 40.0) == 0


def test_keys_that_were_used_longest_ago_are_forgotten() -> None:
    arrivals = SlidingWindow()
    first = arrivals.record_sent("0", 1.0)
    for number in range(1, 5_000):
        arrivals.record_sent(str(number), 1.0)
    arrivals.record_response(first, 1.0)
    assert arrivals.wait_seconds("0", 1, 1.0) == 0
    assert arrivals.wait_seconds("4999", 1, 1.0) > 0


@given(st.lists(st.tuples(st.floats(0, 0.24), st.floats(0, 2)), min_size=20, max_size=60), st.integers(1, 9))
def test_whatever_the_way_takes_no_second_holds_more_than_the_limit(
    delays: list[tuple[float, float]], most: int
) -> None:
    """Each request arrives after its first delay and is answered after the second."""
    now, arrivals, arrived = 1_000.0, SlidingWindow(), list[float]()
    answers = list[tuple[float, int]]()
    left = {}
    for number, (way, work) in enumerate(delays):
        while wait := arrivals.wait_seconds("k", most, now):
            now += max(wait, 1e-6)
            for answer in [each for each in answers if each[0] <= now]:
                arrivals.record_response(left[answer[1]], answer[0])
                answers.remove(answer)
        left[number] = arrivals.record_sent("k", now)
        arrived.append(now + way)
        answers.append((now + way + work, number))
    seen = sorted(arrived)
    assert all(later - first >= 1 - 1e-4 for first, later in zip(seen, seen[most:], strict=False))
    assert all(first <= later for first, later in pairwise(seen))


def test_what_arrived_is_forgotten_though_nobody_waits() -> None:
    arrivals = SlidingWindow()
    for second in range(1_000):
        arrivals.record_response(arrivals.record_sent("k", second), second + 0.1)
    assert len(arrivals._windows["k"].arrival_times) == 1
