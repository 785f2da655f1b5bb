"""Sets of stored starts as the fewest upstream queries, each of conditions the upstream understands."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod
from typing import Final

from gateway.dates.bounds import day_text, second_text
from gateway.dates.intervals import Interval, Intervals, coalesce_to, covered_time
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import DAY, EPOCH_ORDINAL, YEAR_10000

_MAX_WASTE: Final = 3
"""A superset may cover this many times what was asked for, on top of it."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Upstream queries, whether they select exactly the set asked for, and one query that is a superset."""

    queries: tuple[tuple[str, ...], ...]
    exact: bool = True
    fallback: tuple[str, ...] | None = None


def floor_seconds(support: DateSearchSupport) -> int:
    """The earliest time the upstream's columns can hold, in seconds on the wall."""
    return (support.earliest_date.toordinal() - EPOCH_ORDINAL) * DAY


def clip_to_columns(intervals: Intervals, floor: int) -> Intervals:
    """Without bounds the upstream cannot hold: at or below its floor, past the year 9999."""
    return tuple(
        (BEGIN if lower <= floor else lower, END if upper >= YEAR_10000 else upper)
        for lower, upper in intervals
        if upper > floor and lower < YEAR_10000
    )


def single_value_conditions(
    intervals: Intervals, support: DateSearchSupport, *, day: bool
) -> Conditions | None:
    """Queries for a set of starts of a single-valued element; `None`: too many parts."""
    if support.supports_comma_or and support.supports_repeated_parameter:
        return Conditions((_comma_conditions(intervals, support, day=day),))
    kept = _reduce_parts(intervals, support.max_split_queries)
    if kept is None:
        return None
    hull = coalesce_to(intervals, 1)
    return Conditions(
        tuple(range_conditions(each, support, day=day) for each in kept),
        exact=kept == intervals,
        fallback=range_conditions(hull[0], support, day=day) if _is_close_superset(hull, intervals) else None,
    )


def multi_value_conditions(
    repeats: Sequence[Intervals], support: DateSearchSupport, *, day: bool, presence: bool
) -> Conditions | None:
    """Queries for repeats that may each be met by another value; they may overlap. `None`: too many parts."""
    hulls = [coalesce_to(each, 1) for each in repeats]
    sets = [
        hull if _is_close_superset(hull, each) else each for hull, each in zip(hulls, repeats, strict=True)
    ]
    if prod(len(each) for each in sets) > support.max_split_queries:
        return None
    parts = [_strictest_bounds(part) for part in product(*sets)]
    return Conditions(tuple(range_conditions(each, support, day=day, presence=presence) for each in parts))


def _reduce_parts(intervals: Intervals, count: int) -> Intervals | None:
    """The set itself, or in one or `count` parts if that is not much wider."""
    if len(intervals) <= count:
        return intervals
    return next(
        (each for n in (1, count) if _is_close_superset(each := coalesce_to(intervals, n), intervals)), None
    )


def _is_close_superset(superset: Intervals, intervals: Intervals) -> bool:
    return covered_time(superset) <= covered_time(intervals) * (1 + _MAX_WASTE)


def range_conditions(
    bounds: Interval, support: DateSearchSupport, *, day: bool, presence: bool = True
) -> tuple[str, ...]:
    """`ge` and `lt`; without any bound a presence test, or nothing."""
    lower, upper = bounds
    texts = []
    if lower != BEGIN or (upper == END and presence):
        texts.append(f"ge{_format_bound(floor_seconds(support) if lower == BEGIN else int(lower), day=day)}")
    if upper != END:
        texts.append(f"lt{_format_bound(int(upper), day=day)}")
    return tuple(texts)


def _comma_conditions(intervals: Intervals, support: DateSearchSupport, *, day: bool) -> tuple[str, ...]:
    """One query: the hull, and per gap `before or after` as a comma list."""
    outer = (intervals[0][0], intervals[-1][1])
    gaps = (
        f"lt{_format_bound(int(before[1]), day=day)},ge{_format_bound(int(after[0]), day=day)}"
        for before, after in pairwise(intervals)
    )
    hull = range_conditions(outer, support, day=day, presence=len(intervals) == 1)
    return (*hull, *gaps)


def _strictest_bounds(parts: Sequence[Interval]) -> Interval:
    """The strictest `ge` and the strictest `lt` of conditions that hold together."""
    return max(lower for lower, _ in parts), min(upper for _, upper in parts)


def _format_bound(time: int, *, day: bool) -> str:
    return day_text(time) if day else second_text(time)
