from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.resilience.sliding_window import BELATED, Arrivals


def test_a_request_counts_until_a_second_after_its_answer() -> None:
    arrivals = Arrivals()
    departure = arrivals.left("k", 10.0)
    assert arrivals.wait("k", 1, 10.1) == 10.0 + BELATED + 1 - 10.1
    arrivals.answered(departure, 10.2)
    assert round(arrivals.wait("k", 1, 10.3), 6) == 0.9
    assert (arrivals.wait("k", 2, 10.3), arrivals.wait("other", 1, 10.3)) == (0, 0)
    assert arrivals.wait("k", 1, 11.2) == 0


def test_an_answer_shows_that_what_left_before_has_arrived() -> None:
    arrivals = Arrivals()
    arrivals.left("k", 10.0)
    second = arrivals.left("k", 10.1)
    arrivals.left("k", 10.15)
    arrivals.answered(second, 10.3)
    assert arrivals.wait("k", 2, 11.31) == 0
    assert arrivals.wait("k", 1, 11.31) > 0


def test_a_slow_answer_is_no_late_arrival() -> None:
    arrivals = Arrivals()
    slow = arrivals.left("k", 10.0)
    assert arrivals.wait("k", 1, 10.0 + BELATED + 1) == 0
    arrivals.answered(slow, 40.0)
    assert arrivals.wait("k", 1, 40.0) == 0


def test_keys_that_were_used_longest_ago_are_forgotten() -> None:
    arrivals = Arrivals()
    first = arrivals.left("0", 1.0)
    for number in range(1, 5_000):
        arrivals.left(str(number), 1.0)
    arrivals.answered(first, 1.0)
    assert arrivals.wait("0", 1, 1.0) == 0
    assert arrivals.wait("4999", 1, 1.0) > 0


@given(st.lists(st.tuples(st.floats(0, 0.24), st.floats(0, 2)), min_size=20, max_size=60), st.integers(1, 9))
def test_whatever_the_way_takes_no_second_holds_more_than_the_limit(
    delays: list[tuple[float, float]], most: int
) -> None:
    """Each request arrives after its first delay and is answered after the second."""
    now, arrivals, arrived = 1_000.0, Arrivals(), list[float]()
    answers = list[tuple[float, int]]()
    left = {}
    for number, (way, work) in enumerate(delays):
        while wait := arrivals.wait("k", most, now):
            now += max(wait, 1e-6)
            for answer in [each for each in answers if each[0] <= now]:
                arrivals.answered(left[answer[1]], answer[0])
                answers.remove(answer)
        left[number] = arrivals.left("k", now)
        arrived.append(now + way)
        answers.append((now + way + work, number))
    seen = sorted(arrived)
    assert all(later - first >= 1 - 1e-4 for first, later in zip(seen, seen[most:], strict=False))
    assert all(first <= later for first, later in pairwise(seen))


def test_what_arrived_is_forgotten_though_nobody_waits() -> None:
    arrivals = Arrivals()
    for second in range(1_000):
        arrivals.answered(arrivals.left("k", second), second + 0.1)
    assert len(arrivals._keys["k"].arrived) == 1
