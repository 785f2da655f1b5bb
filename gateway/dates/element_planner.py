"""The plan for the parsed values of one parameter on one element: points by sets, ranges by their ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import reduce
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
BoundedRepeats = list[
    list[tuple[DateValue, Edges]]
]  # per repeat its values with their ends on the column's clock


@dataclass(frozen=True, slots=True)
class ParameterValues:
    """The values of one parameter. `multi`: several stored values may be met; `direct`: on the matches."""

    name: str
    values: Repeats
    support: DateSearchSupport
    site_zone: tzinfo
    multi_valued: bool = False
    is_direct: bool = True


@dataclass(frozen=True, slots=True)
class _ElementConditions:
    """Conditions and whether the upstream's answer to them is exact; `why` it is not."""

    conditions: Conditions | None
    exact: bool
    inexact_reason: str
    dedupe: bool = False


_EXACT_REASONS: Final = {
    1: "One range on one value, which ge and lt select exactly.",
    2: "Separate ranges: one query each, their answers joined.",
}
_NO_VALUE_POSSIBLE: Final = "No value can meet all these conditions."
_REPEATED_HOUR: Final = (
    "A bound lies in the hour that the site's clock shows twice when daylight saving ends."
)
_MAY_BE_PERIOD: Final = (
    "The element may be a Period, which is compared by both its ends: ge and lt alone cannot do that."
)
_ELEMENT_REPEATS: Final = "The element repeats: each bound of a range may be met by another repetition."
_PARTIAL_DATES: Final = "Stored dates may be partial, and the unit of one may reach over a bound."
_FRACTIONAL_SECONDS: Final = "Values may show fractions of a second, conditions upstream are whole seconds."
_GAPS_CLOSED: Final = (
    "The separate ranges are more than the gateway asks for: the narrowest gaps were closed."
)
_ONE_CONDITION: Final = "The upstream takes one condition per parameter."
_CANNOT_CHECK: Final = (
    "This condition cannot be sent exactly, and what it speaks of is not among the matches to be checked."
    " Write one half-open bound (ge or lt) with a whole second or day, or search the other type itself."
)


def plan_element(criterion: ParameterValues, parameter: DateParameter) -> DatePlan:
    """The plan for that element: exact where possible, otherwise a superset with the original as filter."""
    column = criterion.support.column_zone(parameter, criterion.site_zone)
    at = [
        [(value, column_edges(value, criterion.site_zone, column)) for value in repeat]
        for repeat in criterion.values
    ]
    if criterion.support.has_points(parameter):
        answer = _plan_points(criterion, parameter, at)
    else:
        answer = _plan_exact_ranges(criterion, at) or _plan_range_superset(criterion, parameter, at)
    return _to_plan(criterion, parameter, answer)


def _plan_points(
    criterion: ParameterValues, parameter: DateParameter, repeats: BoundedRepeats
) -> _ElementConditions:
    day, facts = parameter.kind == "date", criterion.support
    on = lattice_for(parameter.kind, facts.precision_of(parameter))
    outer, inner = _outer_inner_sets(on, repeats, floor_seconds(facts))
    if criterion.multi_valued:
        exact = outer == inner and all(_is_half_line(each) for each in outer)
        sent = multi_value_conditions(outer, facts, day=day, presence=True) if all(outer) else Conditions(())
        return _ElementConditions(
            sent, exact or not all(outer), _inexact_reason(on, repeats, _ELEMENT_REPEATS), dedupe=True
        )
    every, sure = reduce(intersection, outer), reduce(intersection, inner)
    sent = single_value_conditions(every, facts, day=day) if every else Conditions(())
    guessed = facts.precision_unknown(parameter) and may_split_partial_dates(
        every
    )  # then a partial value may be in two parts
    why = _inexact_reason(on, repeats, _GAPS_CLOSED if every == sure else _REPEATED_HOUR)
    return _ElementConditions(sent, every == sure and not guessed, why, dedupe=guessed)


def _outer_inner_sets(
    rounding_lattice: Lattice, repeats: BoundedRepeats, floor: int
) -> tuple[list[Intervals], list[Intervals]]:
    pairs = [[point_sets(value, rounding_lattice, ends) for value, ends in repeat] for repeat in repeats]
    return (
        [clip_to_columns(union(outer for outer, _ in repeat), floor) for repeat in pairs],
        [clip_to_columns(union(inner for _, inner in repeat), floor) for repeat in pairs],
    )


def _is_half_line(intervals: Intervals) -> bool:
    return len(intervals) == 1 and (intervals[0][0] == BEGIN or intervals[0][1] == END)


def _inexact_reason(rounding_lattice: Lattice, repeats: BoundedRepeats, default: str) -> str:
    if rounding_lattice.units:
        return _PARTIAL_DATES
    fractional = any(time % 1 for repeat in repeats for _, ends in repeat for time in ends.outer_bounds)
    return _FRACTIONAL_SECONDS if fractional else default


def _plan_exact_ranges(
    criterion: ParameterValues, bounded_repeats: BoundedRepeats
) -> _ElementConditions | None:
    """Exactly, where R4's range semantics and `sa`, `eb` were verified and the parts are few enough."""
    facts, exact = criterion.support, True
    if facts.period_semantics != "r4" or not facts.supports_sa_eb:
        return None
    repeats: list[list[Alternative]] = []
    for repeat in bounded_repeats:
        found = [exact_conditions(value, ends, floor_seconds(facts)) for value, ends in repeat]
        alternatives = [each for written, _ in found for each in written]
        exact = exact and all(sure for _, sure in found)
        exact = exact and not (criterion.multi_valued and any(len(each) > 1 for each in alternatives))
        repeats.append(_join_by_comma(alternatives) if facts.supports_comma_or else alternatives)
    if prod(len(each) for each in repeats) > facts.max_split_queries:
        return None
    queries = tuple(tuple(text for part in parts for text in part) for parts in product(*repeats))
    return _ElementConditions(Conditions(queries), exact and all(queries), _MAY_BE_PERIOD, dedupe=True)


def _join_by_comma(alternatives: list[Alternative]) -> list[Alternative]:
    if all(len(each) == 1 for each in alternatives):
        return [(",".join(each[0] for each in alternatives),)]
    return alternatives


def _plan_range_superset(
    criterion: ParameterValues, parameter: DateParameter, repeats: BoundedRepeats
) -> _ElementConditions:
    facts, exact = criterion.support, True
    unit = floor_year if facts.may_be_partial(parameter) else None
    sets = []
    for repeat in repeats:
        found = [
            superset_bounds(value, ends, coarsest=unit, start_only=facts.period_semantics == "start-only")
            for value, ends in repeat
        ]
        sets.append(union(_clip_bounds(each, floor_seconds(facts)) for each, _ in found))
        exact = exact and all(sure and each[1] > floor_seconds(facts) for each, sure in found)
    sent = multi_value_conditions(sets, facts, day=False, presence=False)
    return _ElementConditions(
        sent, exact and sent is not None and all(sent.queries), _MAY_BE_PERIOD, dedupe=True
    )


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
    predicate, cacheable = _match_predicate(criterion, parameter), _is_cacheable(criterion.values)
    return DatePlan(
        criterion.name,
        "empty",
        (),
        _NO_VALUE_POSSIBLE,
        predicate=predicate,
        cacheable=cacheable,
        values=criterion.values,
    )


def _upstream_plan(
    criterion: ParameterValues, parameter: DateParameter, result: _ElementConditions, conditions: Conditions
) -> DatePlan:
    queries = (
        conditions.queries
        if criterion.support.supports_repeated_parameter
        else tuple(dict.fromkeys(each[:1] for each in conditions.queries))
    )
    exact, many = result.exact and conditions.exact and queries == conditions.queries, len(queries) > 1
    predicate = _match_predicate(criterion, parameter)
    if not exact and predicate is None:
        return rejected_plan(criterion.name, "not-supported", _CANNOT_CHECK)
    dedupe = many and (result.dedupe or queries != conditions.queries)
    why = (
        _EXACT_REASONS[min(len(queries), 2)]
        if exact
        else _ONE_CONDITION
        if queries != conditions.queries
        else result.inexact_reason
    )
    return DatePlan(
        criterion.name,
        strategy_name(len(queries), exact=exact, dedupe=dedupe) if all(queries) else "drop+filter",
        queries,
        why,
        exact,
        dedupe,
        predicate,
        _is_cacheable(criterion.values),
        conditions.fallback[:1]
        if conditions.fallback and not criterion.support.supports_repeated_parameter
        else conditions.fallback,
        values=criterion.values,
    )


def _match_predicate(criterion: ParameterValues, parameter: DateParameter) -> DatePredicate | None:
    return DatePredicate(parameter, criterion.values) if criterion.is_direct and parameter.paths else None


def _is_cacheable(values: Sequence[Sequence[DateValue]]) -> bool:
    return not any(value.prefix == "ap" for repeat in values for value in repeat)
