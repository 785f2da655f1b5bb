"""Plans of FHIR date searches: the fewest upstream conditions that lose no match, and a filter if needed.

The gateway sends only `ge` and `lt`, which select the same rows under every model of the upstream
(docs/date-search.md); for Periods of a verified upstream also `gt`, `sa` and `eb`.
"""

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.dates.bounds import day_text, second_text, widen_approximate
from gateway.dates.column_clock import ColumnClock, column_edges
from gateway.dates.conditions import Repeats
from gateway.dates.element_planner import ParameterValues, plan_element
from gateway.dates.matcher import DatePredicate
from gateway.dates.plan import DatePlan, rejected_plan, strategy_name
from gateway.dates.points import ceil_second, floor_day, floor_second
from gateway.dates.registry import ResolvedParameter, date_parameter, resolve_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.value import GRAMMAR, YEAR_1, YEAR_10000, DateValue, DateValueError, parse_date_value

_COMMA: Final = re.compile(r"(?<!\\),")
_DOLLAR: Final = re.compile(r"(?<!\\)\$")

_SINGLE_QUERY_STRATEGIES: Final = frozenset({"single", "widen+filter"})
_SYNTAX: Final = f"The value is not a valid date. Write dates as {GRAMMAR}."
_MISSING: Final = "The value of :missing is invalid. Write true or false."
_MODIFIER: Final = "Date parameters have no modifier except :missing. Remove the modifier."
_AMBIGUOUS_TYPE: Final = (
    "The chain ends in different elements, depending on the resource type. Name the type, as in"
    " subject:Patient.birthdate."
)
_ONE_CONDITION: Final = (
    "A composite can contain only a single bound of a date. Write a single value with ge or lt."
)


def plan_parameter(
    resource: str, name: str, repeats: Sequence[str], support: DateSearchSupport, zone: tzinfo, now: datetime
) -> DatePlan | None:
    """Plan for a search parameter of a resource type; `None` if it is not a date parameter.

    `name` is as received, with modifier, chain or `_has`; `repeats` are its raw values in order. `zone` is
    the site's zone; only `ap` depends on `now` (aware). Invalid input gives a plan with a `problem`.
    """
    parameter = resolve_parameter(resource, name, support.declared_parameters)
    if parameter is None:
        return None
    raw_values = [value for value in repeats if value]
    return _plan_resolved(name, parameter, raw_values, _PlanContext(support, zone, now))


def history_since(
    text: str, support: DateSearchSupport, zone: tzinfo, resource: str = "Resource"
) -> DatePlan:
    """Plan for `_since` of a history: a second without offset on the column's clock, filtered if needed."""
    parameter = date_parameter(resource, "_lastUpdated")
    value = _parse_bare_value(text)
    if parameter is None or value is None:
        return rejected_plan("_since", "value", _SYNTAX)
    value = replace(value, prefix="ge")
    clock = support.column_clock(parameter, zone)
    edges = column_edges(value, zone, clock)
    second = floor_second(edges.start_low)
    exact = edges.start_low == edges.start_high == second
    predicate = DatePredicate(parameter, ((value,),))
    reason = f"The value is {'a' if exact else 'not a'} known whole second on the column's clock."
    strategy = strategy_name(1, exact=exact, dedupe=False)
    query = (second_text(second),)
    return DatePlan("_since", strategy, (query,), reason, exact, predicate=predicate, clock=clock)


def operation_date(name: str, text: str, zone: tzinfo) -> DatePlan:
    """Plan for `start` or `end` of an operation: a day of the site's calendar, `end` inclusive."""
    value = _parse_bare_value(text)
    if value is None:
        return rejected_plan(name, "value", _SYNTAX)
    edges = column_edges(value, zone, ColumnClock((zone,)))
    day = floor_day(ceil_second(edges.end_high) - 1) if name == "end" else floor_day(edges.start_low)
    reason = "Operations accept whole days of the practice's calendar."
    return DatePlan(name, "single", ((day_text(day),),), reason)


class _PlanContext(msgspec.Struct, frozen=True):
    support: DateSearchSupport
    zone: tzinfo
    now: datetime

    def parse_value(self, text: str) -> DateValue:
        return widen_approximate(parse_date_value(text), self.now, self.zone)


def _plan_resolved(
    name: str, resolved_parameter: ResolvedParameter, raw_values: Sequence[str], context: _PlanContext
) -> DatePlan:
    if not raw_values:
        return DatePlan(name, "ignored", ((),), "An empty parameter is ignored.")
    if resolved_parameter.modifier:
        return _plan_modifier(name, resolved_parameter.modifier, raw_values)
    if resolved_parameter.ambiguous:
        return rejected_plan(name, "not-supported", _AMBIGUOUS_TYPE)
    try:
        if resolved_parameter.composite:
            return _plan_composite(name, resolved_parameter, raw_values, context)
        values = tuple([tuple(map(context.parse_value, _COMMA.split(raw))) for raw in raw_values])
    except DateValueError:
        return rejected_plan(name, "value", _SYNTAX)
    return _plan_all_types(name, resolved_parameter, values, context)


def _parse_bare_value(text: str) -> DateValue | None:
    """Value without prefix within the years 1 to 9999, or None."""
    try:
        value = parse_date_value(text)
    except DateValueError:
        return None
    return value if text[:1].isdigit() and value.start >= YEAR_1 and value.end < YEAR_10000 else None


def _plan_modifier(name: str, modifier: str, raw_values: Sequence[str]) -> DatePlan:
    if modifier != "missing":
        plan = rejected_plan(name, "not-supported", _MODIFIER)
        return replace(
            plan, problem=plan.problem and replace(plan.problem, message="MSG_PARAM_MODIFIER_INVALID")
        )
    if any(value not in ("true", "false") for value in raw_values):
        return rejected_plan(name, "value", _MISSING)
    return DatePlan(name, "pass-through", (tuple(raw_values),), "The gateway sends :missing unchanged.")


def _plan_all_types(
    name: str, resolved_parameter: ResolvedParameter, values: Repeats, context: _PlanContext
) -> DatePlan:
    """Plan for all types in which the chain may end; rejected if they need different queries."""
    criterion = ParameterValues(
        name,
        values,
        context.support,
        context.zone,
        resolved_parameter.multi_valued,
        resolved_parameter.via == "direct",
    )
    plans = [plan_element(criterion, parameter) for parameter in resolved_parameter.parameters]
    if len(plans) > 1 and any(plan.problem or plan.queries != plans[0].queries for plan in plans[1:]):
        return rejected_plan(name, "not-supported", _AMBIGUOUS_TYPE)
    return plans[0]


def _plan_composite(
    name: str, resolved_parameter: ResolvedParameter, raw_values: Sequence[str], context: _PlanContext
) -> DatePlan:
    """Replace the date part of each repeat with a single condition: two could match different components."""
    index, count = resolved_parameter.composite or (0, 0)
    texts, plans = [], []
    for raw_value in raw_values:
        parts = _DOLLAR.split(raw_value)
        if len(parts) != count:
            return rejected_plan(
                name, "value", f"The value needs {count} parts, joined by $. Write dates as {GRAMMAR}."
            )
        plan = _plan_all_types(name, resolved_parameter, ((context.parse_value(parts[index]),),), context)
        if plan.strategy not in _SINGLE_QUERY_STRATEGIES or len(plan.queries[0]) != 1:
            return (
                replace(plan, queries=())
                if plan.problem
                else rejected_plan(name, "not-supported", _ONE_CONDITION)
            )
        plans.append(plan)
        texts.append("$".join([*parts[:index], *plan.queries[0], *parts[index + 1 :]]))
    return _join_composite_plans(plans, tuple(texts))


def _join_composite_plans(plans: Sequence[DatePlan], query: tuple[str, ...]) -> DatePlan:
    values = tuple(repeat for plan in plans for repeat in plan.values)
    inexact = next((plan for plan in plans if not plan.exact), plans[0])
    predicate = inexact.predicate and replace(inexact.predicate, repeats=values)
    cacheable = all(plan.cacheable for plan in plans)
    return replace(inexact, queries=(query,), values=values, predicate=predicate, cacheable=cacheable)
