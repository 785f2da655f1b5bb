"""Date plan of a parameter on one element: sets for points, bounds for ranges."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

import msgspec

from gateway.dates.column_clock import ColumnClock, Edges, column_edges
from gateway.dates.conditions import (
    Conditions,
    Group,
    Repeats,
    clip_to_columns,
    floor_seconds,
    multi_value_conditions,
    single_value_conditions,
)
from gateway.dates.intervals import Intervals, coalesce_to, intersection, union
from gateway.dates.matcher import DatePredicate
from gateway.dates.plan import TOO_COSTLY, DatePlan, Query, Strategy, rejected_plan, strategy_name
from gateway.dates.points import (
    Lattice,
    Sets,
    floor_second,
    is_inside_unit,
    lattice_for,
    point_sets,
    unit_floor,
)
from gateway.dates.range_planner import BoundedRepeats, plan_ranges
from gateway.dates.registry import DateParameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import DAY, DateValue


class ParameterValues(msgspec.Struct, frozen=True):
    """Values of a parameter.

    `multi_valued`: the element may have several values. `is_direct`: the matches contain the element.
    """

    name: str
    values: Repeats
    support: DateSearchSupport
    site_zone: tzinfo
    multi_valued: bool = False
    is_direct: bool = True


class _ElementConditions(msgspec.Struct, frozen=True):
    """Conditions, and whether the upstream's response to them is exact; `inexact_reason` if it is not."""

    conditions: Conditions | None
    exact: bool
    inexact_reason: str


_EXACT_REASONS: Final = {
    1: "Single range on a single value. ge and lt select it exactly.",
    2: "Separate ranges. The gateway sends a query per range and merges the responses.",
}
_NO_VALUE_POSSIBLE: Final = (
    "No stored value can meet all these conditions. A date without time is a whole day; no time contains it."
)
_REPEATED_HOUR: Final = (
    "A bound lies in the hour that the practice's clock shows twice when daylight saving ends."
)
_MAY_BE_PERIOD: Final = (
    "The element may be a Period. FHIR compares both ends of a Period, which ge and lt alone cannot do."
)
_ELEMENT_REPEATS: Final = "The element repeats. Different repetitions may meet the two bounds of a range."
_PARTIAL_DATES: Final = (
    "Stored dates may be partial or without time, and their day, month or year may cross a bound."
)
_FRACTIONAL_SECONDS: Final = (
    "Values may have fractions of a second. Upstream conditions have whole seconds only."
)
_GAPS_CLOSED: Final = (
    "There are more separate ranges than permitted queries. The gateway closed the narrowest gaps."
)
_CLOCK_UNKNOWN: Final = (
    "The gateway does not know whether the upstream's column has the practice's time or UTC, so it asks for"
    " both and checks each match. The operator can run `halo-gateway probe`."
)
_LABELS_UNKNOWN: Final = (
    "The gateway does not know whether the time zones of meta.lastUpdated are right, so it asks for more and"
    " checks each match. The operator can run `halo-gateway probe`."
)
_ONE_CONDITION: Final = "The upstream accepts a single condition per parameter."
_CANNOT_CHECK: Final = (
    "The upstream cannot evaluate this condition exactly, and the gateway cannot check it because the matches"
    " do not contain the date. Write a single bound (ge or lt) with a whole second or day, or search the"
    " other resource type directly. The operator can configure the column's clock and precision."
)


#: Maximum width of a stored value in seconds, with the doubt about the clock, by the unit it may have.
_WIDTHS: Final = {"mixed-day": 2 * DAY, "mixed-month": 33 * DAY, "mixed-year": 368 * DAY}


def plan_element(criterion: ParameterValues, parameter: DateParameter) -> DatePlan:
    """Plan for an element: exact if possible, else a superset with the original condition as filter."""
    support, site_zone = criterion.support, criterion.site_zone
    clock = support.column_clock(parameter, site_zone)
    unit = unit_floor(support.precision_of(parameter))
    edge_clock = clock if unit is floor_second else clock.with_midnights_of(site_zone)
    repeats = [
        [(value, column_edges(value, site_zone, edge_clock)) for value in repeat]
        for repeat in criterion.values
    ]
    if support.has_points(parameter):
        result = _plan_points(criterion, parameter, repeats)
    else:
        conditions, exact = plan_ranges(repeats, support, unit, multi_valued=criterion.multi_valued)
        result = _ElementConditions(conditions, exact, _MAY_BE_PERIOD)
    return _to_plan(criterion, parameter, clock, result)


def _plan_points(
    criterion: ParameterValues, parameter: DateParameter, repeats: BoundedRepeats
) -> _ElementConditions:
    day, support = parameter.kind == "date", criterion.support
    precision, floor = support.precision_of(parameter), floor_seconds(support)
    unit, lattice = unit_floor(precision), lattice_for(parameter.kind, precision)
    sets = [[_clipped_sets(value, lattice, edges, floor) for value, edges in repeat] for repeat in repeats]
    outer = [union([each for each, _ in repeat]) for repeat in sets]
    inner = [union([each for _, each in repeat]) for repeat in sets]
    if criterion.multi_valued:
        reason = _inexact_reason(lattice, repeats, _ELEMENT_REPEATS)
        if not all(outer):
            return _ElementConditions(Conditions(()), exact=True, inexact_reason=reason)
        groups = [_groups(*pair) for pair in zip(criterion.values, sets, strict=True)]
        exact = outer == inner and all(_is_half_line(intervals) for intervals in outer)
        exact = exact and not (lattice.units and any(is_inside_unit(each, unit) for each in outer))
        conditions = multi_value_conditions(groups, support, day=day, presence=True)
        return _ElementConditions(conditions, exact, reason)
    superset, subset = intersection(outer), intersection(inner)
    gap = _WIDTHS.get(precision or "", 0)
    conditions = single_value_conditions(superset, support, day=day, gap=gap) if superset else Conditions(())
    exact = superset == subset and not (lattice.units and is_inside_unit(superset, unit))
    reason = _inexact_reason(lattice, repeats, _GAPS_CLOSED if exact else _REPEATED_HOUR)
    return _ElementConditions(conditions, exact, reason)


def _clipped_sets(value: DateValue, lattice: Lattice, edges: Edges, floor: int) -> Sets:
    outer, inner = point_sets(value, lattice, edges)
    return clip_to_columns(outer, floor), clip_to_columns(inner, floor)


def _groups(values: Sequence[DateValue], sets: Sequence[Sets]) -> list[Group]:
    """Interval of each value that a column can hold, without gap."""
    pairs = ((value, coalesce_to(outer, 1)) for value, (outer, _) in zip(values, sets, strict=True))
    return [(hull[0], (value,)) for value, hull in pairs if hull]


def _is_half_line(intervals: Intervals) -> bool:
    return len(intervals) == 1 and (intervals[0][0] == BEGIN or intervals[0][1] == END)


def _inexact_reason(lattice: Lattice, repeats: BoundedRepeats, default: str) -> str:
    if lattice.units:
        return _PARTIAL_DATES
    fractional = any(
        time % 1
        for repeat in repeats
        for _, edges in repeat
        for time in (edges.start_low, edges.start_high, edges.end_low, edges.end_high)
    )
    return _FRACTIONAL_SECONDS if fractional else default


def _to_plan(
    criterion: ParameterValues, parameter: DateParameter, clock: ColumnClock, result: _ElementConditions
) -> DatePlan:
    conditions = result.conditions
    if conditions is None:
        return rejected_plan(criterion.name, "too-costly", TOO_COSTLY)
    is_visible = criterion.is_direct and bool(parameter.paths)
    predicate = DatePredicate(parameter, criterion.values) if is_visible else None
    queries, exact = conditions.queries, result.exact and conditions.exact
    dedupe = bool(conditions.parts) and len(queries) > 1
    if queries and predicate is None and (dedupe or not exact):
        return rejected_plan(criterion.name, "not-supported", _CANNOT_CHECK)
    return DatePlan(
        criterion.name,
        _strategy_of(queries, exact=exact, dedupe=dedupe),
        queries,
        _reason_of(result, conditions, clock),
        exact or not queries,
        dedupe,
        predicate,
        _is_cacheable(criterion.values),
        conditions.fallback if queries else None,
        None,
        criterion.values,
        _part_predicates(parameter, conditions) if dedupe else (),
        clock,
    )


def _strategy_of(queries: Sequence[Query], *, exact: bool, dedupe: bool) -> Strategy:
    if not queries:
        return "empty"
    return strategy_name(len(queries), exact=exact, dedupe=dedupe) if all(queries) else "drop+filter"


def _reason_of(result: _ElementConditions, conditions: Conditions, clock: ColumnClock) -> str:
    if not conditions.queries:
        return _NO_VALUE_POSSIBLE
    if result.exact and conditions.exact:
        return _EXACT_REASONS[min(len(conditions.queries), 2)]
    inexact_reason = result.inexact_reason if conditions.exact or not result.exact else _ONE_CONDITION
    return _doubt(clock) or inexact_reason


def _doubt(clock: ColumnClock) -> str:
    """Return the reason for a filter if the clock is not known; empty if it is."""
    if clock.is_known:
        return ""
    return _CLOCK_UNKNOWN if len(clock.zones) > 1 else _LABELS_UNKNOWN


def _part_predicates(
    parameter: DateParameter, conditions: Conditions
) -> tuple[tuple[DatePredicate, ...], ...]:
    return tuple(
        tuple(DatePredicate(parameter, repeats) for repeats in alternatives)
        for alternatives in conditions.parts
    )


def _is_cacheable(values: Sequence[Sequence[DateValue]]) -> bool:
    return not any(value.prefix == "ap" for repeat in values for value in repeat)
