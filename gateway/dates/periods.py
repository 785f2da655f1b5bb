"""Conditions for elements that may be a Period or Timing: supersets by `ge` and `lt`, or R4's exact basis."""

from collections.abc import Callable
from typing import Final

from gateway.dates.bounds import Edges, second_text
from gateway.dates.intervals import Interval
from gateway.dates.points import Round, ceil_second, floor_second
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import YEAR_10000, DateValue, Time

Alternative = tuple[str, ...]
"""Conditions that must hold together, ready to be sent."""

_LOWER_BOUNDS: Final[dict[str, Callable[[Time, Time, Round], Time]]] = {
    "eq": lambda s, _e, _f: s,
    "gt": lambda _s, e, f: min(e - 1, f(e)),
    "ge": lambda s, e, f: min(s, e - 1, f(e)),
    "sa": lambda _s, e, _f: e,
    "ap": lambda s, _e, f: min(s - 1, f(s)),
}
_UPPER_EDGES: Final = {"eq": "end", "lt": "start", "le": "end", "eb": "start", "ap": "end"}
_END_BASED_PREFIXES: Final = frozenset({"gt", "ge", "ap"})
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
"""Alternatives of conditions; `sa` and `gt` go out one second lower, which makes them `ts >=` and `te >`."""


def superset_bounds(
    value: DateValue, edges: Edges, *, coarsest: Round | None, start_only: bool
) -> tuple[Interval, bool]:
    """The interval to send as `ge` and `lt`, and whether it is exact: only `lt` ever is.

    Valid for R4 ranges, for overlap, and for points of a choice element; with `start_only` also where the
    upstream looks at the start column alone. `coarsest`: partial dates may stand at the start of that unit.
    """
    lower = _LOWER_BOUNDS.get(value.prefix)
    if lower is None or (start_only and value.prefix in _END_BASED_PREFIXES):
        low = BEGIN
    else:
        low = min(
            floor_second(lower(edges.start_low, edges.end_low, coarsest or floor_second)), YEAR_10000 - 1
        )
    upper = _UPPER_EDGES.get(value.prefix)
    high = ceil_second(_high_edge(edges, upper)) if upper else END
    return (low, high), value.prefix == "lt" and edges.start_low == edges.start_high == floor_second(
        edges.start_low
    )


def exact_conditions(value: DateValue, edges: Edges, floor: int) -> tuple[tuple[Alternative, ...], bool]:
    """The alternatives that are exactly the value under R4's range semantics, and whether they are exact."""
    alternatives, exact = [], True
    for conditions in _EXACT_CONDITIONS[value.prefix]:
        written = [_edge_condition(prefix, edge, edges, floor) for prefix, edge in conditions]
        alternatives.append(tuple(text for text, _ in written if text))
        exact = exact and all(is_exact for _, is_exact in written)
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
