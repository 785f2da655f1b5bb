"""Sets of stored starts that a search value selects, for point elements: date, dateTime, instant.

Each value gives two sets. The outer set loses no match, the inner set has no surplus; equal sets are exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.dates.column_clock import Edge, Edges
from gateway.dates.intervals import Intervals, complement, interval
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import DAY, EPOCH_ORDINAL, YEAR_1, YEAR_10000, DateValue, Time

Round = Callable[[Time], int]


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


class Rounds(NamedTuple):
    """Roundings of bounds to the times at which stored values may start, by what a bound limits.

    `reach`: an end from below; `start`, `before`: a start from below and above; `within`, `ended`: an end
    from above, of `eq` and of `eb`.
    """

    reach: Round
    start: Round
    before: Round
    within: Round
    ended: Round


@dataclass(frozen=True, slots=True)
class Lattice:
    """Roundings of the outer and the inner set.

    `units` are the floors of the units that a partial value may have; empty unless the precision is mixed.
    """

    outer: Rounds
    inner: Rounds
    units: tuple[Round, ...] = ()


UNITS: Final[tuple[Round, ...]] = (floor_second, floor_day, floor_month, floor_year)
COARSEST: Final = {"mixed-day": 2, "mixed-month": 3, "mixed-year": 4}


@lru_cache
def lattice_for(kind: str, precision: str | None) -> Lattice:
    """Return the roundings for an element kind; times of unknown precision may have fractions."""
    floor, ceil = (floor_day, ceil_day) if kind == "date" else (floor_second, ceil_second)
    if precision in COARSEST:
        units = UNITS[1 if kind == "date" else 0 : COARSEST[precision]]
        top, near = units[-1], ceil if kind == "date" else floor
        return Lattice(Rounds(top, near, ceil, ceil, ceil), Rounds(ceil, ceil, near, near, top), units)
    if kind != "date" and precision != "second":
        return Lattice(Rounds(floor, floor, ceil, ceil, ceil), Rounds(ceil, ceil, floor, floor, floor))
    end = ceil if kind == "instant" else floor
    rounds = Rounds(end, ceil, ceil, end, end)
    return Lattice(rounds, rounds)


def unit_floor(precision: str | None) -> Round:
    """Floor of the coarsest unit that values of a precision may have."""
    return UNITS[COARSEST.get(precision or "", 1) - 1]


def point_sets(value: DateValue, lattice: Lattice, edges: Edges) -> Sets:
    """Outer and inner set of the stored starts that match a value."""
    if value.prefix == "ne":
        outer, inner = _sets_by_prefix("eq", lattice, edges)
        return complement(inner), complement(outer)
    return _sets_by_prefix(value.prefix, lattice, edges)


def _sets_by_prefix(prefix: str, lattice: Lattice, edges: Edges) -> Sets:
    lower, upper = _LOWER_BOUNDS.get(prefix), _UPPER_BOUNDS.get(prefix)
    outer = (
        _outer_lower(lattice, edges, *lower) if lower else BEGIN,
        getattr(lattice.outer, upper[1])(edges.high(upper[0])) if upper else END,
    )
    inner = (
        getattr(lattice.inner, lower[1])(edges.high(lower[0])) if lower else BEGIN,
        getattr(lattice.inner, upper[1])(edges.low(upper[0])) if upper else END,
    )
    is_uncertain = prefix == "eq" and lattice.units and _may_pass_end(lattice, edges)
    return interval(*outer), () if is_uncertain else interval(*inner)


#: Prefix -> end of the search range, and rounding, that bound the stored start from below and from above.
_LOWER_BOUNDS: Final[Mapping[str, tuple[Edge, str]]] = {
    "eq": ("start", "start"),
    "gt": ("end", "reach"),
    "ge": ("start", "reach"),
    "sa": ("end", "start"),
    "ap": ("start", "reach"),
}
_UPPER_BOUNDS: Final[Mapping[str, tuple[Edge, str]]] = {
    "eq": ("end", "within"),
    "lt": ("start", "before"),
    "le": ("end", "before"),
    "eb": ("start", "ended"),
    "ap": ("end", "before"),
}


def _outer_lower(lattice: Lattice, edges: Edges, edge: Edge, role: str) -> int:
    if role == "reach" and lattice.units:
        return edges.low_unit(edge, lattice.units[-1])
    bound: int = getattr(lattice.outer, role)(edges.low(edge))
    return bound


def is_inside_unit(intervals: Intervals, unit: Round) -> bool:
    """Whether a lower bound lies inside a unit: an upstream that compares ranges also selects that unit."""
    return any(lower != BEGIN and unit(lower) != lower for lower, _ in intervals)


def _may_pass_end(lattice: Lattice, edges: Edges) -> bool:
    """Whether a partial value may start inside the range and end after it."""
    return any(edges.start_low <= unit(edges.end_high) < edges.end_high for unit in lattice.units)
