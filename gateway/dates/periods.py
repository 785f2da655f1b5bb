"""Conditions for elements that may be a Period or Timing: supersets with `ge` and `lt`, or exact."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from gateway.dates.bounds import second_text
from gateway.dates.column_clock import Edge, Edges
from gateway.dates.intervals import Interval
from gateway.dates.points import Round, ceil_second, floor_second
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import YEAR_10000, DateValue

#: Conditions of an upstream query that must all hold.
Alternative = tuple[str, ...]

#: Prefix -> end of the search range that bounds a start from below, or an end from below (`reach`).
_START_BOUNDS: Final[Mapping[str, Edge]] = {"eq": "start", "sa": "end"}
_REACH_BOUNDS: Final[Mapping[str, Edge]] = {"gt": "end", "ge": "start", "ap": "start"}
_UPPER_EDGES: Final[Mapping[str, Edge]] = {
    "eq": "end",
    "lt": "start",
    "le": "end",
    "eb": "start",
    "ap": "end",
}
#: Prefix -> alternatives of conditions (prefix, edge), each with the prefix that R4 gives it alone. `sa` and
#: `gt` are sent with a bound one second lower, which makes them `ts >=` and `te >`.
_EXACT_CONDITIONS: Final[Mapping[str, tuple[tuple[str, tuple[tuple[str, Edge], ...]], ...]]] = {
    "eq": (("eq", (("sa", "start"), ("eb", "end"))),),
    "gt": (("gt", (("gt", "end"),)),),
    "lt": (("lt", (("lt", "start"),)),),
    "sa": (("sa", (("sa", "end"),)),),
    "eb": (("eb", (("eb", "start"),)),),
    "ap": (("ap", (("lt", "end"), ("gt", "start"))),),
    "ge": (("ge", (("gt", "start"),)),),
    "le": (("le", (("lt", "end"),)),),
    "ne": (("lt", (("lt", "start"),)), ("gt", (("gt", "end"),))),
}


def superset_bounds(
    value: DateValue, edges: Edges, *, unit: Round, start_only: bool
) -> tuple[Interval, bool]:
    """Interval to send as `ge` and `lt`, and whether it is exact: only `lt` and `le` can be.

    Valid for R4 ranges, for overlap, and for points of a choice element; with `start_only` also for an
    upstream that compares only the start column. `unit`: partial dates may be stored as its start.
    """
    low = min(_superset_lower(value.prefix, edges, unit, start_only=start_only), YEAR_10000 - 1)
    edge = _UPPER_EDGES.get(value.prefix)
    high = ceil_second(edges.high(edge)) if edge else END
    return (low, high), value.prefix in ("lt", "le") and edge is not None and _is_whole(edges, edge)


def _superset_lower(prefix: str, edges: Edges, unit: Round, *, start_only: bool) -> int:
    if prefix in _START_BOUNDS:
        return floor_second(edges.low(_START_BOUNDS[prefix]))
    reach = None if start_only else _REACH_BOUNDS.get(prefix)
    return edges.low_unit(reach, unit) - 1 if reach else BEGIN


def _is_whole(edges: Edges, edge: Edge) -> bool:
    return edges.low(edge) == edges.high(edge) == floor_second(edges.low(edge))


def exact_conditions(
    value: DateValue, edges: Edges, floor: int, unit: Round
) -> tuple[tuple[tuple[DateValue, Alternative], ...], bool]:
    """Alternatives that select the value under R4's range semantics, and whether they are exact.

    Each alternative selects at least the matches of the value beside it.
    """
    alternatives, exact = [], True
    for prefix, conditions in _EXACT_CONDITIONS[value.prefix]:
        texts = [_edge_condition(condition, edge, edges, floor, unit) for condition, edge in conditions]
        alternatives.append((replace(value, prefix=prefix), tuple(text for text, _ in texts if text)))
        exact = exact and all(is_exact for _, is_exact in texts)
    return tuple(alternatives), exact


def _edge_condition(prefix: str, edge: Edge, edges: Edges, floor: int, unit: Round) -> tuple[str, bool]:
    """Condition, and whether it is exact; for an end only at a time at which a unit begins."""
    exact, first = _is_whole(edges, edge), edges.low_unit(edge, unit)
    if prefix in ("gt", "eb"):
        exact = exact and first == edges.low(edge)
    if prefix in ("lt", "eb"):
        return _upper_condition(prefix, ceil_second(edges.high(edge)), floor, exact=exact)
    low = first if prefix == "gt" else floor_second(edges.low(edge))
    bound = min(low - 1, YEAR_10000 - 1)
    return (f"{prefix}{second_text(bound)}", exact) if bound >= floor else ("", prefix == "gt")


def _upper_condition(prefix: str, bound: int, floor: int, *, exact: bool) -> tuple[str, bool]:
    if bound >= YEAR_10000:
        return "", prefix == "lt"
    return f"{prefix}{second_text(max(bound, floor))}", exact and bound > floor
