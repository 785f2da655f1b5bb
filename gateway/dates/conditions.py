"""Upstream queries for sets of stored starts: as few as possible, with conditions the upstream supports."""

from collections.abc import Sequence
from itertools import pairwise, product
from math import prod
from typing import Final

import msgspec

from gateway.dates.bounds import day_text, second_text
from gateway.dates.intervals import (
    Interval,
    Intervals,
    close_gaps,
    coalesce_to,
    covered_time,
    union,
)
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import DAY, EPOCH_ORDINAL, YEAR_10000, DateValue

#: Maximum surplus time of a superset, as a multiple of the time that the set itself covers.
_MAX_WASTE: Final = 3


#: Values of each repeat.
Repeats = tuple[tuple[DateValue, ...], ...]
#: An interval that contains all matches of the values beside it.
Group = tuple[Interval, tuple[DateValue, ...]]


class Conditions(msgspec.Struct, frozen=True):
    """Upstream queries, whether they select exactly the set, and a single query that selects a superset.

    `parts`, of queries that may overlap: for each query the values, as alternatives, all of whose matches it
    selects.
    """

    queries: tuple[tuple[str, ...], ...]
    exact: bool = True
    fallback: tuple[str, ...] | None = None
    parts: tuple[tuple[Repeats, ...], ...] = ()


def floor_seconds(support: DateSearchSupport) -> int:
    """Earliest time that the upstream's columns can hold, in seconds on the wall clock."""
    return (support.earliest_date.toordinal() - EPOCH_ORDINAL) * DAY


def clip_to_columns(intervals: Intervals, floor: int) -> Intervals:
    """Remove bounds that the upstream cannot hold: at or below `floor`, after the year 9999."""
    return tuple(
        (BEGIN if lower <= floor else lower, END if upper >= YEAR_10000 else upper)
        for lower, upper in intervals
        if upper > floor and lower < YEAR_10000
    )


def single_value_conditions(
    intervals: Intervals, support: DateSearchSupport, *, day: bool, gap: int = 0
) -> Conditions | None:
    """Return queries for a set of starts of a single-valued element; `None`: too many parts.

    A value may extend over a gap of at most `gap` seconds: an upstream that compares ranges would return it
    on both sides.
    """
    if support.supports_comma_or and support.supports_repeated_parameter:
        return Conditions((_comma_conditions(intervals, support, day=day),))
    separate = close_gaps(intervals, gap)
    if not support.supports_repeated_parameter:
        separate = union([tuple(map(_one_bound, separate))])
    parts = _reduce_parts(separate, support.max_split_queries)
    if parts is None:
        return None
    hull = coalesce_to(separate, 1)
    queries = tuple([range_conditions(part, support, day=day) for part in parts])
    fallback = None
    if _is_close_superset(hull, intervals):
        fallback = queries[0] if hull == parts else range_conditions(hull[0], support, day=day)
    return Conditions(queries, exact=parts == intervals, fallback=fallback)


def multi_value_conditions(
    repeats: Sequence[Sequence[Group]], support: DateSearchSupport, *, day: bool, presence: bool
) -> Conditions | None:
    """Return queries, maybe overlapping, for repeats that different values meet; `None`: too many parts."""
    sets = [_merged_groups(groups) for groups in repeats]
    if prod(len(groups) for groups in sets) > support.max_split_queries:
        return None
    parts: dict[tuple[str, ...], list[Repeats]] = {}
    reduced = False
    for combination in product(*sets):
        bounds = _strictest_bounds([pair for pair, _ in combination])
        sent = bounds if support.supports_repeated_parameter else _one_bound(bounds)
        reduced = reduced or sent != bounds
        query = range_conditions(sent, support, day=day, presence=presence)
        parts.setdefault(query, []).append(tuple(values for _, values in combination))
    return Conditions(tuple(parts), exact=not reduced, parts=tuple(map(tuple, parts.values())))


def _merged_groups(groups: Sequence[Group]) -> list[Group]:
    """Return groups with disjoint intervals, or a single group if its interval is a close superset."""
    intervals = union([(pair,) for pair, _ in groups])
    hull = coalesce_to(intervals, 1)
    merged = hull if _is_close_superset(hull, intervals) else intervals
    return [
        (whole, tuple(value for pair, values in groups if _contains(whole, pair) for value in values))
        for whole in merged
    ]


def _contains(whole: Interval, part: Interval) -> bool:
    return whole[0] <= part[0] and part[1] <= whole[1]


def _one_bound(bounds: Interval) -> Interval:
    """Return the interval without its upper bound, if it has both."""
    return bounds if bounds[0] == BEGIN else (bounds[0], END)


def _reduce_parts(intervals: Intervals, count: int) -> Intervals | None:
    """Return the set, or a close superset of 1 or `count` parts; `None` if there is none."""
    if len(intervals) <= count:
        return intervals
    supersets = (coalesce_to(intervals, parts) for parts in (1, count))
    return next((superset for superset in supersets if _is_close_superset(superset, intervals)), None)


def _is_close_superset(superset: Intervals, intervals: Intervals) -> bool:
    return superset == intervals or covered_time(superset) <= covered_time(intervals) * (1 + _MAX_WASTE)


def range_conditions(
    bounds: Interval, support: DateSearchSupport, *, day: bool, presence: bool = True
) -> tuple[str, ...]:
    """Conditions with `ge` and `lt`; without bounds a presence test, or no condition if not `presence`."""
    lower, upper = bounds
    texts = []
    text_of = day_text if day else second_text
    if lower != BEGIN or (upper == END and presence):
        texts.append("ge" + text_of(floor_seconds(support) if lower == BEGIN else int(lower)))
    if upper != END:
        texts.append("lt" + text_of(int(upper)))
    return tuple(texts)


def _comma_conditions(intervals: Intervals, support: DateSearchSupport, *, day: bool) -> tuple[str, ...]:
    """Conditions of a single query: the hull, and a comma list `before,after` per gap."""
    outer = (intervals[0][0], intervals[-1][1])
    gaps = (
        f"lt{_format_bound(int(before[1]), day=day)},ge{_format_bound(int(after[0]), day=day)}"
        for before, after in pairwise(intervals)
    )
    hull = range_conditions(outer, support, day=day, presence=len(intervals) == 1)
    return (*hull, *gaps)


def _strictest_bounds(parts: Sequence[Interval]) -> Interval:
    """Strictest lower and strictest upper bound of conditions that must all hold."""
    return max(lower for lower, _ in parts), min(upper for _, upper in parts)


def _format_bound(time: int, *, day: bool) -> str:
    return day_text(time) if day else second_text(time)
