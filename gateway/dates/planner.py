"""FHIR date searches as the fewest upstream conditions that lose nothing, and whether a filter is needed.

Only `ge` and `lt` are sent, the two prefixes that select the same rows under every model of the upstream
(docs/date-search.md); on Periods whose upstream was verified also `gt`, `sa` and `eb`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final

from gateway.dates.bounds import column_edges, day_text, second_text, widen_approximate
from gateway.dates.element_planner import ParameterValues, Repeats, plan_element
from gateway.dates.matcher import DatePredicate
from gateway.dates.plan import TOO_COSTLY, DatePlan, rejected_plan, strategy_name
from gateway.dates.points import ceil_second, floor_day, floor_second
from gateway.dates.registry import ResolvedParameter, date_parameter, resolve_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.value import GRAMMAR, YEAR_1, YEAR_10000, DateValue, DateValueError, parse_date_value

_COMMA: Final = re.compile(r"(?<!\\),")
_DOLLAR: Final = re.compile(r"(?<!\\)\$")

_SINGLE_QUERY_STRATEGIES: Final = frozenset({"single", "widen+filter"})
_MAX_VALUES: Final = 1000
_SYNTAX: Final = f"write dates as {GRAMMAR}."
_MISSING: Final = "write true or false, and nothing else."
_MODIFIER: Final = "a date parameter takes no modifier but :missing."
_AMBIGUOUS_TYPE: Final = (
    "the chain ends in different kinds of elements: name the resource type, as in subject:Patient.birthdate."
)
_ONE_CONDITION: Final = (
    "inside a composite only one half-open date condition can be sent: write one value with ge or lt."
)


def plan_parameter(
    resource: str, name: str, repeats: Sequence[str], support: DateSearchSupport, zone: tzinfo, now: datetime
) -> DatePlan | None:
    """What to send for one parameter of a search on that type; `None`: it is not a date parameter.

    `name` is as sent, with modifier, chain or `_has`; `repeats` are its raw values in order. `zone` is the
    site's, `now` (aware) matters to `ap` alone. Bad input gives a plan with a `problem`; nothing is raised.
    """
    found = resolve_parameter(resource, name, support.declared_parameters)
    return (
        None
        if found is None
        else _plan_resolved(name, found, [each for each in repeats if each], _PlanContext(support, zone, now))
    )


def history_since(
    text: str, support: DateSearchSupport, zone: tzinfo, resource: str = "Resource"
) -> DatePlan:
    """What to send as `_since` of a history: one bare second on the column's clock, filtered if need be."""
    parameter = date_parameter(resource, "_lastUpdated")
    value = _parse_bare_value(text)
    if parameter is None or value is None:
        return rejected_plan("_since", "value", _SYNTAX)
    value = replace(value, prefix="ge")
    low = column_edges(value, zone, support.column_zone(parameter, zone))
    sent, exact = floor_second(low.start_low), low.start_low == low.start_high == floor_second(low.start_low)
    predicate = DatePredicate(parameter, ((value,),))
    why = (
        "One instant on the column's clock." if exact else "The instant cannot be written as a whole second."
    )
    kind = strategy_name(1, exact=exact, dedupe=False)
    return DatePlan("_since", kind, ((second_text(sent),),), why, exact, predicate=predicate)


def operation_date(name: str, text: str, zone: tzinfo) -> DatePlan:
    """What to send as `start` or `end` of an operation: the site's day, `end` included."""
    value = _parse_bare_value(text)
    if value is None:
        return rejected_plan(name, "value", _SYNTAX)
    at = column_edges(value, zone, zone)
    day = floor_day(ceil_second(at.end_high) - 1) if name == "end" else floor_day(at.start_low)
    return DatePlan(name, "single", ((day_text(day),),), "Operations take whole days of the site's calendar.")


@dataclass(frozen=True, slots=True)
class _PlanContext:
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
        values = tuple(tuple(context.parse_value(text) for text in _COMMA.split(each)) for each in raw_values)
    except DateValueError:
        return rejected_plan(name, "value", _SYNTAX)
    return _plan_all_types(name, resolved_parameter, values, context)


def _parse_bare_value(text: str) -> DateValue | None:
    """A value without prefix, on the calendar of the years that can be written."""
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
    if any(each not in ("true", "false") for each in raw_values):
        return rejected_plan(name, "value", _MISSING)
    return DatePlan(
        name, "pass-through", (tuple(raw_values),), "Presence is asked in the same words upstream."
    )


def _plan_all_types(
    name: str, resolved_parameter: ResolvedParameter, values: Repeats, context: _PlanContext
) -> DatePlan:
    """One plan for every type the chain may end in; they must all send the same."""
    if sum(len(repeat) for repeat in values) > _MAX_VALUES:
        return rejected_plan(name, "too-costly", TOO_COSTLY)
    asked = ParameterValues(
        name,
        values,
        context.support,
        context.zone,
        resolved_parameter.multi_valued,
        resolved_parameter.via == "direct",
    )
    plans = [plan_element(asked, parameter) for parameter in resolved_parameter.parameters]
    if any(each.problem or each.queries != plans[0].queries for each in plans[1:]):
        return rejected_plan(name, "not-supported", _AMBIGUOUS_TYPE)
    return plans[0]


def _plan_composite(
    name: str, resolved_parameter: ResolvedParameter, raw_values: Sequence[str], context: _PlanContext
) -> DatePlan:
    """Every repeat with its date part replaced by one condition; anything else would bind other values."""
    index, count = resolved_parameter.composite or (0, 0)
    sent, plans = [], []
    for each in raw_values:
        parts = _DOLLAR.split(each)
        if len(parts) != count:
            return rejected_plan(name, "value", f"write {count} parts joined by $; {_SYNTAX}")
        plan = _plan_all_types(name, resolved_parameter, ((context.parse_value(parts[index]),),), context)
        if plan.strategy not in _SINGLE_QUERY_STRATEGIES or len(plan.queries[0]) != 1:
            return (
                replace(plan, queries=())
                if plan.problem
                else rejected_plan(name, "not-supported", _ONE_CONDITION)
            )
        plans.append(plan)
        sent.append("$".join([*parts[:index], *plan.queries[0], *parts[index + 1 :]]))
    return _join_composite_plans(plans, tuple(sent))


def _join_composite_plans(plans: Sequence[DatePlan], query: tuple[str, ...]) -> DatePlan:
    values = tuple(repeat for plan in plans for repeat in plan.values)
    inexact = next((plan for plan in plans if not plan.exact), plans[0])
    predicate = inexact.predicate and replace(inexact.predicate, repeats=values)
    cacheable = all(plan.cacheable for plan in plans)
    return replace(inexact, queries=(query,), values=values, predicate=predicate, cacheable=cacheable)
