"""Interval sets against sets of numbers."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.dates.intervals import (
    EVERYTHING,
    Intervals,
    coalesce_to,
    complement,
    covered_time,
    intersection,
    interval,
    union,
)

NUMBERS = range(-1, 22)
SETS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=5).map(
    lambda pairs: union(interval(*pair) for pair in pairs)
)


def inside(intervals: Intervals) -> set[int]:
    return {number for number in NUMBERS if any(lower <= number < upper for lower, upper in intervals)}


@given(SETS, SETS)
def test_the_algebra_is_that_of_sets(left: Intervals, right: Intervals) -> None:
    assert inside(union((left, right))) == inside(left) | inside(right)
    assert inside(intersection(left, right)) == inside(left) & inside(right)
    assert inside(complement(left)) == set(NUMBERS) - inside(left)
    assert complement(complement(left)) == left
    assert covered_time(left) == len(inside(left))


@given(SETS, st.integers(1, 4))
def test_coalescing_keeps_everything_in_fewer_parts(intervals: Intervals, count: int) -> None:
    fewer = coalesce_to(intervals, count)
    assert inside(fewer) >= inside(intervals)
    assert len(fewer) == min(count, len(intervals))
    assert union([fewer]) == fewer


def test_the_narrowest_gap_is_closed_first() -> None:
    assert coalesce_to(((0, 1), (2, 3), (9, 10)), 2) == ((0, 3), (9, 10))


def test_nothing_and_everything() -> None:
    assert interval(3, 3) == ()
    assert complement(()) == EVERYTHING
    assert complement(EVERYTHING) == ()
