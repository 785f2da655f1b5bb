"""Conditions for elements that may be a Period or Timing: supersets with `ge` and `lt`, or exact."""

from collections.abc import Callable
from typing import Final

from gateway.dates.bounds import Edges, second_text
from gateway.dates.intervals import Interval
from gateway.dates.points import Round, ceil_second, floor_second
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import YEAR_10000, DateValue, Time

#: Conditions of an upstream query that must all hold.
Alternative = tuple[str, ...]

_LOWER_BOUNDS: Final[dict[str, Callable[[Time, Time, Round], Time]]] = {
    "eq": lambda s, _e, _f: s,
    "gt": lambda _s, e, f: min(e - 1, f(e)),
    "ge": lambda s, e, f: min(s, e - 1, f(e)),
    "sa": lambda _s, e, _f: e,
    "ap": lambda s, _e, f: min(s - 1, f(s)),
}
_UPPER_EDGES: Final = {"eq": "end", "lt": "start", "le": "end", "eb": "start", "ap": "end"}
_END_BASED_PREFIXES: Final = frozenset({"gt", "ge", "ap"})
#: Prefix -> alternatives of conditions (prefix, edge). `sa` and `gt` are sent with a bound one second lower,
#: which makes them `ts >=` and `te >`.
_EXACT_CONDITIONS: Final[dict[str, tuple[tuple[tuple[str, str], ...], ...]]] = {
    "eq": ((("sa", "start"), ("eb", "end")),),
    "gt": ((("gt", "end"),),),
    "lt": ((("lt", "start"),),),
    "sa": ((("sa", "end"),),),
    "eb": ((("eb", "start"),),),
    "ap": ((("lt", "end"), ("gt", "start")),),
    "ge": ((("gt", "end"),), (("sa", "start"),)),
    "le": ((("lt", "start"),), (("eb", "end"),)),
    "ne": ((("lt", "start"),), (("gt", "end"),)),
}


def superset_bounds(
    value: DateValue, edges: Edges, *, coarsest: Round | None, start_only: bool
) -> tuple[Interval, bool]:
    """Interval to send as `ge` and `lt`, and whether it is exact: only `lt` can be.

    Valid for R4 ranges, for overlap, and for points of a choice element; with `start_only` also for an
    upstream that compares only the start column. `coarsest`: partial dates may be stored as the start of
    that unit.
    """
    lower_bound = _LOWER_BOUNDS.get(value.prefix)
    if lower_bound is None or (start_only and value.prefix in _END_BASED_PREFIXES):
        low = BEGIN
    else:
        bound = lower_bound(edges.start_low, edges.end_low, coarsest or floor_second)
        low = min(floor_second(bound), YEAR_10000 - 1)
    upper_edge = _UPPER_EDGES.get(value.prefix)
    high = ceil_second(_high_edge(edges, upper_edge)) if upper_edge else END
    is_whole_second = edges.start_low == edges.start_high == floor_second(edges.start_low)
    return (low, high), value.prefix == "lt" and is_whole_second


def exact_conditions(value: DateValue, edges: Edges, floor: int) -> tuple[tuple[Alternative, ...], bool]:
    """Alternatives that select the value under R4's range semantics, and whether they are exact."""
    alternatives, exact = [], True
    for conditions in _EXACT_CONDITIONS[value.prefix]:
        texts = [_edge_condition(prefix, edge, edges, floor) for prefix, edge in conditions]
        alternatives.append(tuple(text for text, _ in texts if text))
        exact = exact and all(is_exact for _, is_exact in texts)
    return tuple(alternatives), exact


def _edge_condition(prefix: str, edge: str, edges: Edges, floor: int) -> tuple[str, bool]:
    low, high = _low_edge(edges, edge), _high_edge(edges, edge)
    exact = low == high == floor_second(low)
    if prefix in ("lt", "eb"):
        return _upper_condition(prefix, ceil_second(high), floor, exact=exact)
    bound = min(floor_second(low) - 1, YEAR_10000 - 1)
    return (f"{prefix}{second_text(bound)}", exact) if bound >= floor else ("", prefix == "gt")


def _upper_condition(prefix: str, bound: int, floor: int, *, exact: bool) -> tuple[str, bool]:
    if bound >= YEAR_10000:
        return "", prefix == "lt"
    return f"{prefix}{second_text(max(bound, floor))}", exact and bound > floor


def _low_edge(edges: Edges, edge: str) -> Time:
    return edges.start_low if edge == "start" else edges.end_low


def _high_edge(edges: Edges, edge: str) -> Time:
    return edges.start_high if edge == "start" else edges.end_high
