"""Date plan of a parameter on one element: sets for points, bounds for ranges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import product
from math import prod
from typing import Final

from gateway.dates.bounds import Edges, column_edges
from gateway.dates.conditions import (
    Conditions,
    clip_to_columns,
    floor_seconds,
    multi_value_conditions,
    single_value_conditions,
)
from gateway.dates.intervals import Interval, Intervals, intersection, union
from gateway.dates.matcher import DatePredicate
from gateway.dates.periods import Alternative, exact_conditions, superset_bounds
from gateway.dates.plan import TOO_COSTLY, DatePlan, rejected_plan, strategy_name
from gateway.dates.points import Lattice, floor_year, lattice_for, may_split_partial_dates, point_sets
from gateway.dates.registry import DateParameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import YEAR_10000, DateValue

Repeats = tuple[tuple[DateValue, ...], ...]
#: Per repeat, its values with their edges on the column's clock.
BoundedRepeats = list[list[tuple[DateValue, Edges]]]


@dataclass(frozen=True, slots=True)
class ParameterValues:
    """Values of a parameter.

    `multi_valued`: the element may have several values. `is_direct`: the matches contain the element.
    """

    name: str
    values: Repeats
    support: DateSearchSupport
    site_zone: tzinfo
    multi_valued: bool = False
    is_direct: bool = True


@dataclass(frozen=True, slots=True)
class _ElementConditions:
    """Conditions, and whether the upstream's response to them is exact; `inexact_reason` if it is not."""

    conditions: Conditions | None
    exact: bool
    inexact_reason: str
    dedupe: bool = False


_EXACT_REASONS: Final = {
    1: "Single range on a single value. ge and lt select it exactly.",
    2: "Separate ranges. The gateway sends a query per range and merges the responses.",
}
_NO_VALUE_POSSIBLE: Final = "No value can meet all these conditions."
_REPEATED_HOUR: Final = (
    "A bound lies in the hour that the practice's clock shows twice when daylight saving ends."
)
_MAY_BE_PERIOD: Final = (
    "The element may be a Period. FHIR compares both ends of a Period, which ge and lt alone cannot do."
)
_ELEMENT_REPEATS: Final = "The element repeats. Different repetitions may meet the two bounds of a range."
_PARTIAL_DATES: Final = "Stored dates may be partial, and the period of a partial date may cross a bound."
_FRACTIONAL_SECONDS: Final = (
    "Values may have fractions of a second. Upstream conditions have whole seconds only."
)
_GAPS_CLOSED: Final = (
    "There are more separate ranges than permitted queries. The gateway closed the narrowest gaps."
)
_ONE_CONDITION: Final = "The upstream accepts a single condition per parameter."
_CANNOT_CHECK: Final = (
    "The upstream cannot evaluate this condition exactly, and the gateway cannot check it because the matches"
    " do not contain the date. Write a single bound (ge or lt) with a whole second or day, or search the"
    " other resource type directly."
)


def plan_element(criterion: ParameterValues, parameter: DateParameter) -> DatePlan:
    """Plan for an element: exact if possible, else a superset with the original condition as filter."""
    column = criterion.support.column_zone(parameter, criterion.site_zone)
    repeats = [
        [(value, column_edges(value, criterion.site_zone, column)) for value in repeat]
        for repeat in criterion.values
    ]
    if criterion.support.has_points(parameter):
        result = _plan_points(criterion, parameter, repeats)
    else:
        result = _plan_exact_ranges(criterion, repeats) or _plan_range_superset(criterion, parameter, repeats)
    return _to_plan(criterion, parameter, result)


def _plan_points(
    criterion: ParameterValues, parameter: DateParameter, repeats: BoundedRepeats
) -> _ElementConditions:
    day, support = parameter.kind == "date", criterion.support
    lattice = lattice_for(parameter.kind, support.precision_of(parameter))
    outer, inner = _outer_inner_sets(lattice, repeats, floor_seconds(support))
    if criterion.multi_valued:
        reason = _inexact_reason(lattice, repeats, _ELEMENT_REPEATS)
        if not all(outer):
            return _ElementConditions(Conditions(()), exact=True, inexact_reason=reason, dedupe=True)
        exact = outer == inner and all(_is_half_line(intervals) for intervals in outer)
        conditions = multi_value_conditions(outer, support, day=day, presence=True)
        return _ElementConditions(conditions, exact, reason, dedupe=True)
    superset, subset = intersection(outer), intersection(inner)
    conditions = single_value_conditions(superset, support, day=day) if superset else Conditions(())
    # The upstream may compare a partial date as a range: two parts may then select the same record.
    may_overlap = support.precision_unknown(parameter) and may_split_partial_dates(superset)
    exact = superset == subset
    reason = _inexact_reason(lattice, repeats, _GAPS_CLOSED if exact else _REPEATED_HOUR)
    return _ElementConditions(conditions, exact and not may_overlap, reason, dedupe=may_overlap)


def _outer_inner_sets(
    rounding_lattice: Lattice, repeats: BoundedRepeats, floor: int
) -> tuple[list[Intervals], list[Intervals]]:
    pairs = [[point_sets(value, rounding_lattice, edges) for value, edges in repeat] for repeat in repeats]
    return (
        [clip_to_columns(union(outer for outer, _ in repeat), floor) for repeat in pairs],
        [clip_to_columns(union(inner for _, inner in repeat), floor) for repeat in pairs],
    )


def _is_half_line(intervals: Intervals) -> bool:
    return len(intervals) == 1 and (intervals[0][0] == BEGIN or intervals[0][1] == END)


def _inexact_reason(rounding_lattice: Lattice, repeats: BoundedRepeats, default: str) -> str:
    if rounding_lattice.units:
        return _PARTIAL_DATES
    fractional = any(time % 1 for repeat in repeats for _, edges in repeat for time in edges.outer_bounds)
    return _FRACTIONAL_SECONDS if fractional else default


def _plan_exact_ranges(
    criterion: ParameterValues, bounded_repeats: BoundedRepeats
) -> _ElementConditions | None:
    """Exact conditions; `None` without verified R4 semantics, `sa` and `eb`, or with too many parts."""
    support, exact = criterion.support, True
    if support.period_semantics != "r4" or not support.supports_sa_eb:
        return None
    repeats: list[list[Alternative]] = []
    for repeat in bounded_repeats:
        results = [exact_conditions(value, edges, floor_seconds(support)) for value, edges in repeat]
        alternatives = [alternative for group, _ in results for alternative in group]
        exact = exact and all(is_exact for _, is_exact in results)
        exact = exact and not (criterion.multi_valued and any(len(texts) > 1 for texts in alternatives))
        repeats.append(_join_by_comma(alternatives) if support.supports_comma_or else alternatives)
    if prod(len(alternatives) for alternatives in repeats) > support.max_split_queries:
        return None
    queries = tuple(tuple(text for part in parts for text in part) for parts in product(*repeats))
    return _ElementConditions(Conditions(queries), exact and all(queries), _MAY_BE_PERIOD, dedupe=True)


def _join_by_comma(alternatives: list[Alternative]) -> list[Alternative]:
    if all(len(texts) == 1 for texts in alternatives):
        return [(",".join(texts[0] for texts in alternatives),)]
    return alternatives


def _plan_range_superset(
    criterion: ParameterValues, parameter: DateParameter, repeats: BoundedRepeats
) -> _ElementConditions:
    support, exact = criterion.support, True
    unit = floor_year if support.may_be_partial(parameter) else None
    start_only, floor = support.period_semantics == "start-only", floor_seconds(support)
    sets = []
    for repeat in repeats:
        results = [
            superset_bounds(value, edges, coarsest=unit, start_only=start_only) for value, edges in repeat
        ]
        sets.append(union(_clip_bounds(bounds, floor) for bounds, _ in results))
        exact = exact and all(is_exact and bounds[1] > floor for bounds, is_exact in results)
    conditions = multi_value_conditions(sets, support, day=False, presence=False)
    exact = exact and conditions is not None and all(conditions.queries)
    return _ElementConditions(conditions, exact, _MAY_BE_PERIOD, dedupe=True)


def _clip_bounds(bounds: Interval, floor: int) -> Intervals:
    lower, upper = bounds
    return ((BEGIN if lower <= floor else lower, END if upper >= YEAR_10000 else max(upper, floor)),)


def _to_plan(criterion: ParameterValues, parameter: DateParameter, result: _ElementConditions) -> DatePlan:
    if result.conditions is None:
        return rejected_plan(criterion.name, "too-costly", TOO_COSTLY)
    if not result.conditions.queries:
        return _empty_plan(criterion, parameter)
    return _upstream_plan(criterion, parameter, result, result.conditions)


def _empty_plan(criterion: ParameterValues, parameter: DateParameter) -> DatePlan:
    return DatePlan(
        criterion.name,
        "empty",
        (),
        _NO_VALUE_POSSIBLE,
        predicate=_match_predicate(criterion, parameter),
        cacheable=_is_cacheable(criterion.values),
        values=criterion.values,
    )


def _upstream_plan(
    criterion: ParameterValues, parameter: DateParameter, result: _ElementConditions, conditions: Conditions
) -> DatePlan:
    queries, fallback = conditions.queries, conditions.fallback
    if not criterion.support.supports_repeated_parameter:
        queries = tuple(dict.fromkeys(query[:1] for query in queries))
        fallback = fallback and fallback[:1]
    reduced = queries != conditions.queries
    exact, dedupe = result.exact and conditions.exact and not reduced, result.dedupe or reduced
    predicate = _match_predicate(criterion, parameter)
    if not exact and predicate is None:
        return rejected_plan(criterion.name, "not-supported", _CANNOT_CHECK)
    dedupe = dedupe and len(queries) > 1
    inexact_reason = _ONE_CONDITION if reduced else result.inexact_reason
    return DatePlan(
        criterion.name,
        strategy_name(len(queries), exact=exact, dedupe=dedupe) if all(queries) else "drop+filter",
        queries,
        _EXACT_REASONS[min(len(queries), 2)] if exact else inexact_reason,
        exact,
        dedupe,
        predicate,
        _is_cacheable(criterion.values),
        fallback,
        values=criterion.values,
    )


def _match_predicate(criterion: ParameterValues, parameter: DateParameter) -> DatePredicate | None:
    return DatePredicate(parameter, criterion.values) if criterion.is_direct and parameter.paths else None


def _is_cacheable(values: Sequence[Sequence[DateValue]]) -> bool:
    return not any(value.prefix == "ap" for repeat in values for value in repeat)
