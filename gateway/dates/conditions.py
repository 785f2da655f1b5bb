"""Sets of stored starts as the fewest upstream queries, each of conditions the upstream understands."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod
from typing import Final

from gateway.dates.bounds import day_text, second_text
from gateway.dates.intervals import Interval, Intervals, coalesced, width
from gateway.dates.support import DateFacts
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import DAY, EPOCH_ORDINAL, YEAR_10000

_WASTE: Final = 3
"""A superset may cover this many times what was asked for, on top of it."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Upstream queries, whether they select exactly the set asked for, and one query that is a superset."""

    queries: tuple[tuple[str, ...], ...]
    exact: bool = True
    fallback: tuple[str, ...] | None = None


def floor_of(facts: DateFacts) -> int:
    """The earliest time the upstream's columns can hold, in seconds on the wall."""
    return (facts.floor.toordinal() - EPOCH_ORDINAL) * DAY


def clipped(intervals: Intervals, floor: int) -> Intervals:
    """Without bounds the upstream cannot hold: at or below its floor, past the year 9999."""
    return tuple(
        (BEGIN if lower <= floor else lower, END if upper >= YEAR_10000 else upper)
        for lower, upper in intervals
        if upper > floor and lower < YEAR_10000
    )


def disjoint(intervals: Intervals, facts: DateFacts, *, day: bool) -> Conditions | None:
    """Queries for a set of starts of a single-valued element; `None`: too many parts."""
    if facts.comma and facts.repeats:
        return Conditions((_with_gaps(intervals, facts, day=day),))
    kept = _few(intervals, facts.max_splits)
    if kept is None:
        return None
    hull = coalesced(intervals, 1)
    return Conditions(
        tuple(conditions(each, facts, day=day) for each in kept),
        exact=kept == intervals,
        fallback=conditions(hull[0], facts, day=day) if _near(hull, intervals) else None,
    )


def apart(repeats: Sequence[Intervals], facts: DateFacts, *, day: bool, presence: bool) -> Conditions | None:
    """Queries for repeats that may each be met by another value; they may overlap. `None`: too many parts."""
    hulls = [coalesced(each, 1) for each in repeats]
    sets = [hull if _near(hull, each) else each for hull, each in zip(hulls, repeats, strict=True)]
    if prod(len(each) for each in sets) > facts.max_splits:
        return None
    parts = [_met(part) for part in product(*sets)]
    return Conditions(tuple(conditions(each, facts, day=day, presence=presence) for each in parts))


def _few(intervals: Intervals, count: int) -> Intervals | None:
    """The set itself, or in one or `count` parts if that is not much wider."""
    if len(intervals) <= count:
        return intervals
    return next((each for n in (1, count) if _near(each := coalesced(intervals, n), intervals)), None)


def _near(superset: Intervals, intervals: Intervals) -> bool:
    return width(superset) <= width(intervals) * (1 + _WASTE)


def conditions(bounds: Interval, facts: DateFacts, *, day: bool, presence: bool = True) -> tuple[str, ...]:
    """`ge` and `lt`; without any bound a presence test, or nothing."""
    lower, upper = bounds
    texts = []
    if lower != BEGIN or (upper == END and presence):
        texts.append(f"ge{_text(floor_of(facts) if lower == BEGIN else int(lower), day=day)}")
    if upper != END:
        texts.append(f"lt{_text(int(upper), day=day)}")
    return tuple(texts)


def _with_gaps(intervals: Intervals, facts: DateFacts, *, day: bool) -> tuple[str, ...]:
    """One query: the hull, and per gap `before or after` as a comma list."""
    outer = (intervals[0][0], intervals[-1][1])
    gaps = (
        f"lt{_text(int(before[1]), day=day)},ge{_text(int(after[0]), day=day)}"
        for before, after in pairwise(intervals)
    )
    hull = conditions(outer, facts, day=day, presence=len(intervals) == 1)
    return (*hull, *gaps)


def _met(parts: Sequence[Interval]) -> Interval:
    """The strictest `ge` and the strictest `lt` of conditions that hold together."""
    return max(lower for lower, _ in parts), min(upper for _, upper in parts)


def _text(time: int, *, day: bool) -> str:
    return day_text(time) if day else second_text(time)
