"""Sets of stored starts that a search value selects, for point elements: date, dateTime, instant.

Each value gives two sets. The outer set loses no match, the inner set has no surplus; equal sets are exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from gateway.dates.bounds import Edges
from gateway.dates.intervals import Intervals, complement, interval
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import DAY, EPOCH_ORDINAL, YEAR_1, YEAR_10000, DateValue, Time

Round = Callable[[Time], int]
#: Rounding of an end that may lie inside a unit, of a start, and of the bound before which a value must end.
Rounds = tuple[Round, Round, Round]

#: Outer and inner set.
Sets = tuple[Intervals, Intervals]


def floor_second(time: Time) -> int:
    """Last whole second at or before a time."""
    return time // 1


def ceil_second(time: Time) -> int:
    """First whole second at or after a time."""
    return -(-time // 1)


def floor_day(time: Time) -> int:
    """Last midnight at or before a time."""
    return time // DAY * DAY


def ceil_day(time: Time) -> int:
    """First midnight at or after a time."""
    return -(-time // DAY) * DAY


def floor_month(time: Time) -> int:
    """First day of the month of a time."""
    return _floor_calendar(time, lambda day: day.replace(day=1))


def floor_year(time: Time) -> int:
    """First day of the year of a time."""
    return _floor_calendar(time, lambda day: day.replace(month=1, day=1))


def _floor_calendar(time: Time, first_day: Callable[[date], date]) -> int:
    if not YEAR_1 <= time < YEAR_10000:
        return floor_day(time)
    return (first_day(date.fromordinal(time // DAY + EPOCH_ORDINAL)).toordinal() - EPOCH_ORDINAL) * DAY


@dataclass(frozen=True, slots=True)
class Lattice:
    """Roundings of lower and upper bounds, outer and inner, to the times at which stored values may start.

    `units` are the floors of the units that a partial value may have; empty unless the precision is mixed.
    """

    lower: Rounds
    upper: Rounds
    inner_lower: Rounds
    inner_upper: Rounds
    units: tuple[Round, ...] = ()


_UNITS: Final[tuple[Round, ...]] = (floor_second, floor_day, floor_month, floor_year)
_COARSEST: Final = {"mixed-day": 2, "mixed-month": 3, "mixed-year": 4}
_LOWER_BOUNDS: Final[dict[str, Callable[[Time, Time, Round, Round], int]]] = {
    "eq": lambda s, _e, _f, c: c(s),
    "gt": lambda _s, e, f, _c: f(e),
    "ge": lambda s, e, f, c: min(c(s), f(e)),
    "sa": lambda _s, e, _f, c: c(e),
    "ap": lambda s, _e, f, _c: f(s),
}
_UPPER_BOUNDS: Final[dict[str, Callable[[Time, Time, Rounds], int]]] = {
    "eq": lambda _s, e, r: r[0](e),
    "lt": lambda s, _e, r: r[1](s),
    "le": lambda s, e, r: max(r[1](s), r[0](e)),
    "eb": lambda s, _e, r: r[2](s),
    "ap": lambda _s, e, r: r[1](e),
}


@lru_cache
def lattice_for(kind: str, precision: str | None) -> Lattice:
    """Return the roundings for an element kind; times of unknown precision may have fractions."""
    floor, ceil = (floor_day, ceil_day) if kind == "date" else (floor_second, ceil_second)
    if precision in _COARSEST:
        units = _UNITS[1 if kind == "date" else 0 : _COARSEST[precision]]
        top, ceils, near = units[-1], (ceil, ceil, ceil), ceil if kind == "date" else floor
        return Lattice((top, near, near), ceils, ceils, (near, near, top), units)
    if kind != "date" and precision != "second":
        down, up = (floor, floor, floor), (ceil, ceil, ceil)
        return Lattice(down, up, up, down)
    rounds = (ceil, ceil, ceil) if kind == "instant" else (floor, ceil, floor)
    return Lattice(rounds, rounds, rounds, rounds)


def point_sets(value: DateValue, rounding_lattice: Lattice, edges: Edges) -> Sets:
    """Outer and inner set of the stored starts that match a value."""
    if value.prefix == "ne":
        outer, inner = _sets_by_prefix("eq", rounding_lattice, edges)
        return complement(inner), complement(outer)
    return _sets_by_prefix(value.prefix, rounding_lattice, edges)


def _sets_by_prefix(prefix: str, rounding_lattice: Lattice, edges: Edges) -> Sets:
    outer = _set_by_prefix(prefix, edges.outer_bounds, rounding_lattice.lower, rounding_lattice.upper)
    lower_start, lower_end, upper_start, upper_end = edges.inner_bounds
    if rounding_lattice.units and prefix in ("eq", "le") and _may_pass_end(rounding_lattice, edges):
        upper_end = min(upper_start, upper_end)
    return outer, _set_by_prefix(
        prefix,
        (lower_start, lower_end, upper_start, upper_end),
        rounding_lattice.inner_lower,
        rounding_lattice.inner_upper,
    )


def _set_by_prefix(
    prefix: str, bounds: tuple[Time, Time, Time, Time], lower: Rounds, upper: Rounds
) -> Intervals:
    low, high = _LOWER_BOUNDS.get(prefix), _UPPER_BOUNDS.get(prefix)
    return interval(
        low(bounds[0], bounds[1], lower[0], lower[1]) if low else BEGIN,
        high(bounds[2], bounds[3], upper) if high else END,
    )


def may_split_partial_dates(intervals: Intervals) -> bool:
    """Whether the year of a partial value, compared as a range, may extend across a lower bound."""
    return any(lower != BEGIN and floor_year(lower) != lower for lower, _ in intervals)


def _may_pass_end(rounding_lattice: Lattice, edges: Edges) -> bool:
    """Whether a partial value may start inside the range and end after it."""
    return any(edges.start_low <= unit(edges.end_high) < edges.end_high for unit in rounding_lattice.units)
