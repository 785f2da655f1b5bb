"""Interval sets compared with sets of numbers."""

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


def numbers_in(intervals: Intervals) -> set[int]:
    return {number for number in NUMBERS if any(lower <= number < upper for lower, upper in intervals)}


@given(SETS, SETS)
def test_operations_equal_those_of_sets(left: Intervals, right: Intervals) -> None:
    assert numbers_in(union((left, right))) == numbers_in(left) | numbers_in(right)
    assert numbers_in(intersection((left, right))) == numbers_in(left) & numbers_in(right)
    assert numbers_in(complement(left)) == set(NUMBERS) - numbers_in(left)
    assert complement(complement(left)) == left
    assert covered_time(left) == len(numbers_in(left))


@given(SETS, st.integers(1, 4))
def test_coalescing_gives_superset_with_fewer_parts(intervals: Intervals, count: int) -> None:
    superset = coalesce_to(intervals, count)
    assert numbers_in(superset) >= numbers_in(intervals)
    assert len(superset) == min(count, len(intervals))
    assert union([superset]) == superset


def test_narrowest_gap_is_closed_first() -> None:
    assert coalesce_to(((0, 1), (2, 3), (9, 10)), 2) == ((0, 3), (9, 10))


def test_complement_of_empty_set_is_everything() -> None:
    assert interval(3, 3) == ()
    assert complement(()) == EVERYTHING
    assert complement(EVERYTHING) == ()
