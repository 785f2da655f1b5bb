"""FHIR date searches as the fewest upstream conditions that lose nothing, and whether a filter is needed.

Only `ge` and `lt` are sent, the two prefixes that select the same rows under every model of the upstream
(docs/date-search.md); on Periods whose upstream was verified also `gt`, `sa` and `eb`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final

from gateway.dates.bounds import day_text, edges, second_text, widened
from gateway.dates.element_planner import Asked, Repeats, planned
from gateway.dates.matcher import DatePredicate
from gateway.dates.plan import TOO_COSTLY, DatePlan, refused, strategy
from gateway.dates.points import ceil_second, floor_day, floor_second
from gateway.dates.registry import Resolved, date_parameter, resolve
from gateway.dates.support import DateFacts
from gateway.dates.value import GRAMMAR, YEAR_1, YEAR_10000, DateValue, DateValueError, parse_date_value

_COMMA: Final = re.compile(r"(?<!\\),")
_DOLLAR: Final = re.compile(r"(?<!\\)\$")

_SINGLE: Final = frozenset({"single", "widen+filter"})
_MOST: Final = 1000
_SYNTAX: Final = f"write dates as {GRAMMAR}."
_MISSING: Final = "write true or false, and nothing else."
_MODIFIER: Final = "a date parameter takes no modifier but :missing."
_TYPED: Final = (
    "the chain ends in different kinds of elements: name the resource type, as in subject:Patient.birthdate."
)
_ONE_CONDITION: Final = (
    "inside a composite only one half-open date condition can be sent: write one value with ge or lt."
)


def plan(
    resource: str, name: str, repeats: Sequence[str], facts: DateFacts, zone: tzinfo, now: datetime
) -> DatePlan | None:
    """What to send for one parameter of a search on that type; `None`: it is not a date parameter.

    `name` is as sent, with modifier, chain or `_has`; `repeats` are its raw values in order. `zone` is the
    site's, `now` (aware) matters to `ap` alone. Bad input gives a plan with a `problem`; nothing is raised.
    """
    found = resolve(resource, name, facts.declared)
    return (
        None
        if found is None
        else _planned(name, found, [each for each in repeats if each], _Site(facts, zone, now))
    )


def since(text: str, facts: DateFacts, zone: tzinfo, resource: str = "Resource") -> DatePlan:
    """What to send as `_since` of a history: one bare second on the column's clock, filtered if need be."""
    parameter = date_parameter(resource, "_lastUpdated")
    value = _bare(text)
    if parameter is None or value is None:
        return refused("_since", "value", _SYNTAX)
    value = replace(value, prefix="ge")
    low = edges(value, zone, facts.column(parameter, zone))
    sent, exact = floor_second(low.start_low), low.start_low == low.start_high == floor_second(low.start_low)
    predicate = DatePredicate(parameter, ((value,),))
    why = (
        "One instant on the column's clock." if exact else "The instant cannot be written as a whole second."
    )
    kind = strategy(1, exact=exact, dedupe=False)
    return DatePlan("_since", kind, ((second_text(sent),),), why, exact, predicate=predicate)


def operation_date(name: str, text: str, zone: tzinfo) -> DatePlan:
    """What to send as `start` or `end` of an operation: the site's day, `end` included."""
    value = _bare(text)
    if value is None:
        return refused(name, "value", _SYNTAX)
    at = edges(value, zone, zone)
    day = floor_day(ceil_second(at.end_high) - 1) if name == "end" else floor_day(at.start_low)
    return DatePlan(name, "single", ((day_text(day),),), "Operations take whole days of the site's calendar.")


@dataclass(frozen=True, slots=True)
class _Site:
    facts: DateFacts
    zone: tzinfo
    now: datetime

    def read(self, text: str) -> DateValue:
        return widened(parse_date_value(text), self.now, self.zone)


def _planned(name: str, found: Resolved, given: Sequence[str], at: _Site) -> DatePlan:
    if not given:
        return DatePlan(name, "ignored", ((),), "An empty parameter is ignored.")
    if found.modifier:
        return _modified(name, found.modifier, given)
    if found.ambiguous:
        return refused(name, "not-supported", _TYPED)
    try:
        if found.composite:
            return _composite(name, found, given, at)
        values = tuple(tuple(at.read(text) for text in _COMMA.split(each)) for each in given)
    except DateValueError:
        return refused(name, "value", _SYNTAX)
    return _agreed(name, found, values, at)


def _bare(text: str) -> DateValue | None:
    """A value without prefix, on the calendar of the years that can be written."""
    try:
        value = parse_date_value(text)
    except DateValueError:
        return None
    return value if text[:1].isdigit() and value.start >= YEAR_1 and value.end < YEAR_10000 else None


def _modified(name: str, modifier: str, given: Sequence[str]) -> DatePlan:
    if modifier != "missing":
        plan = refused(name, "not-supported", _MODIFIER)
        return replace(
            plan, problem=plan.problem and replace(plan.problem, message="MSG_PARAM_MODIFIER_INVALID")
        )
    if any(each not in ("true", "false") for each in given):
        return refused(name, "value", _MISSING)
    return DatePlan(name, "pass-through", (tuple(given),), "Presence is asked in the same words upstream.")


def _agreed(name: str, found: Resolved, values: Repeats, at: _Site) -> DatePlan:
    """One plan for every type the chain may end in; they must all send the same."""
    if sum(len(repeat) for repeat in values) > _MOST:
        return refused(name, "too-costly", TOO_COSTLY)
    asked = Asked(name, values, at.facts, at.zone, found.multi, found.via == "direct")
    plans = [planned(asked, parameter) for parameter in found.parameters]
    if any(each.problem or each.queries != plans[0].queries for each in plans[1:]):
        return refused(name, "not-supported", _TYPED)
    return plans[0]


def _composite(name: str, found: Resolved, given: Sequence[str], at: _Site) -> DatePlan:
    """Every repeat with its date part replaced by one condition; anything else would bind other values."""
    index, count = found.composite or (0, 0)
    sent, plans = [], []
    for each in given:
        parts = _DOLLAR.split(each)
        if len(parts) != count:
            return refused(name, "value", f"write {count} parts joined by $; {_SYNTAX}")
        plan = _agreed(name, found, ((at.read(parts[index]),),), at)
        if plan.strategy not in _SINGLE or len(plan.queries[0]) != 1:
            return (
                replace(plan, queries=()) if plan.problem else refused(name, "not-supported", _ONE_CONDITION)
            )
        plans.append(plan)
        sent.append("$".join([*parts[:index], *plan.queries[0], *parts[index + 1 :]]))
    return _composed(plans, tuple(sent))


def _composed(plans: Sequence[DatePlan], sent: tuple[str, ...]) -> DatePlan:
    values = tuple(repeat for plan in plans for repeat in plan.values)
    inexact = next((plan for plan in plans if not plan.exact), plans[0])
    predicate = inexact.predicate and replace(inexact.predicate, repeats=values)
    cacheable = all(plan.cacheable for plan in plans)
    return replace(inexact, queries=(sent,), values=values, predicate=predicate, cacheable=cacheable)
