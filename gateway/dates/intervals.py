"""Sets of times as ordered, disjoint, non-adjacent half-open intervals."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import Time

Interval = tuple[Time, Time]
Intervals = tuple[Interval, ...]

EVERYTHING: Final[Intervals] = ((BEGIN, END),)


def interval(lower: Time, upper: Time) -> Intervals:
    """Set `[lower, upper)`; no interval if it is empty."""
    return ((lower, upper),) if lower < upper else ()


def union(sets: Iterable[Intervals]) -> Intervals:
    """Return the times in at least one set."""
    pairs = [pair for intervals in sets for pair in intervals]
    if len(pairs) <= 1:
        return tuple(pairs)
    merged: list[Interval] = []
    for lower, upper in sorted(pairs):
        if merged and lower <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(upper, merged[-1][1]))
        else:
            merged.append((lower, upper))
    return tuple(merged)


def intersection(sets: Sequence[Intervals]) -> Intervals:
    """Return the times in every set."""
    if len(sets) == 1:
        return sets[0]
    return complement(union(map(complement, sets)))


def complement(intervals: Intervals) -> Intervals:
    """Return the times not in the set."""
    edges = [BEGIN, *(edge for pair in intervals for edge in pair), END]
    return tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)


def coalesce_to(intervals: Intervals, max_intervals: int) -> Intervals:
    """Superset of at most `max_intervals` intervals: closes the narrowest gaps first."""
    if len(intervals) <= max_intervals:
        return intervals
    gaps = sorted(range(1, len(intervals)), key=lambda i: intervals[i][0] - intervals[i - 1][1])
    cuts = sorted(gaps[len(intervals) - max_intervals :])
    starts = [0, *cuts, len(intervals)]
    return tuple((intervals[a][0], intervals[b - 1][1]) for a, b in pairwise(starts) if a < b)


def close_gaps(intervals: Intervals, width: int) -> Intervals:
    """Superset without the gaps of at most `width` seconds."""
    if len(intervals) <= 1:
        return intervals
    wider = union([tuple((lower, upper + width) for lower, upper in intervals)])
    return tuple((lower, upper - width) for lower, upper in wider)


def covered_time(intervals: Intervals) -> Time:
    """Seconds that the set covers."""
    return sum(upper - lower for lower, upper in intervals)
