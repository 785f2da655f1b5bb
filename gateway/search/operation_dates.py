"""Dates in the parameters of operations and histories: as the upstream accepts them, exactly, or refused.

An operation's response cannot be filtered: whatever its parameters select is its result. So a date that none
of the two accepted formats (`YYYY-MM-DD`, `YYYY-MM-DDThh:mm:ss`) expresses exactly is refused.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final, Literal

from msgspec.structs import replace

from gateway.dates import planner
from gateway.dates.bounds import second_text
from gateway.dates.column_clock import ColumnClock, Edges, column_edges
from gateway.dates.plan import DatePlan, DateProblem, rejected_plan
from gateway.dates.value import (
    DAY,
    GRAMMAR,
    YEAR_1,
    YEAR_10000,
    DateValue,
    DateValueError,
    parse_date_value,
    simplify_time,
)
from gateway.exchange import Site
from gateway.fhir.interaction import Interaction

#: `first-day`, `last-day`: days of the practice's calendar, both included. `since`: a bound of
#: `meta.lastUpdated`. `time`: a second on the practice's clock, or a day as written.
Meaning = Literal["first-day", "last-day", "since", "time"]

#: (operation, parameter) -> meaning. R4 operations-list.html, US Core, IPA; Halo's own are undocumented.
OPERATION_DATES: Final[Mapping[tuple[str, str], Meaning]] = {
    ("everything", "start"): "first-day",
    ("everything", "end"): "last-day",
    ("everything", "_since"): "since",
    ("docref", "start"): "first-day",
    ("docref", "end"): "last-day",
    ("export", "_since"): "since",
    ("find-free", "start"): "time",
    ("find-free", "end"): "time",
    ("waitlist", "start"): "time",
    ("waitlist", "end"): "time",
    ("waitlist", "onOrBefore"): "time",
    ("waitlist", "onOrAfter"): "time",
}
#: Operations whose parameters are the search criteria of their resource type.
_SEARCH_OPERATIONS: Final = frozenset({"lastn"})
#: Names that mean a date in every operation.
_DATE_NAMES: Final = frozenset({"start", "end", "_since", "_until", "onOrBefore", "onOrAfter"})
_HISTORY_DATES: Final = frozenset({"_since", "_at"})
#: Parameters behind whose columns are the times that `_since` selects by.
_UPDATE_CODES: Final = frozenset({"_lastUpdated", "*"})
#: Names whose values are texts, whatever they look like.
_NOT_DATES: Final = frozenset({"_id", "identifier"})

#: First and last time that is in the years 1 to 9999 on every clock.
_FIRST: Final = YEAR_1 + DAY
_LAST: Final = YEAR_10000 - DAY
_ACCEPTED: Final = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d)?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SECOND: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_FRACTION: Final = re.compile(r"\.(\d+)", re.ASCII)
_PREFIXED_DATE: Final = re.compile(r"(?:eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d{4}-\d\d.*)", re.ASCII)

_SYNTAX: Final = f"The value is not a valid date. Write dates as {GRAMMAR}, without a prefix."
_ONCE: Final = "The parameter takes one value. Write it once."
_NOT_A_DAY: Final = (
    "The operation takes whole days of the practice's calendar, and the value does not begin or end with one."
    " Write YYYY-MM-DD."
)
_NOT_A_SECOND: Final = (
    "The operation takes a day or a second on the practice's clock. Write YYYY-MM-DD, or a time to the second"
    " that the clock shows once."
)
_UNKNOWN: Final = (
    "The gateway does not know what this date means to the operation, so it cannot rewrite it. Write"
    " YYYY-MM-DD or YYYY-MM-DDThh:mm:ss in the practice's time zone."
)
_UNKNOWN_CLOCK: Final = (
    "The gateway does not know on which clock the practice system stores the times of its records. Leave the"
    " parameter out, or search by type. The gateway's operator can set column_time_zones and"
    " last_updated_input, which halo-gateway probe finds."
)
_SEVERAL_CLOCKS: Final = (
    "The practice system stores the times of its records on several clocks, so that no one value means this"
    " time for all types. Leave the parameter out, or search by type."
)


def plan_operation_parameter(
    interaction: Interaction, name: str, values: Sequence[str], site: Site, now: datetime
) -> DatePlan | None:
    """Plan for a parameter of an operation; None if it is no date, or goes upstream as it is."""
    given = [value for value in values if value]
    if interaction.operation in _SEARCH_OPERATIONS:
        return planner.plan_parameter(interaction.type, name, values, site.date_support, site.zone, now)
    meaning = OPERATION_DATES.get((interaction.operation, name))
    if meaning is None:
        return _plan_unknown(name, given)
    if len(given) > 1:
        return rejected_plan(name, "value", _ONCE)
    return plan_date(name, given[0], meaning, site) if given else None


def plan_history_parameter(
    interaction: Interaction, name: str, values: Sequence[str], site: Site
) -> DatePlan | None:
    """Plan for `_since` or `_at` of a history; None for other parameters."""
    if name not in _HISTORY_DATES:
        return None
    if len(values) > 1:
        return rejected_plan(name, "value", _ONCE)
    if name == "_since" and _parse_bare_value(values[0]) is not None:
        type_ = interaction.type or "Resource"
        return planner.history_since(values[0], site.date_support, site.zone, type_)
    return plan_date(name, values[0], "time", site)


def plan_date(name: str, text: str, meaning: Meaning, site: Site) -> DatePlan | None:
    """Plan for one date of this meaning; None if it goes upstream as it is."""
    if meaning in {"first-day", "last-day"} and _is_day(text):
        return None
    value = _parse_bare_value(text)
    if value is None:
        return rejected_plan(name, "value", _SYNTAX)
    if meaning == "since":
        return _plan_since(name, text, site)
    if meaning == "time":
        return _plan_time(name, text, value, site)
    return _plan_day(name, text, value, site, is_end=meaning == "last-day")


def looks_like_date(name: str, text: str) -> bool:
    """Whether the value of a parameter of unknown meaning is a date, with or without a prefix."""
    match = _PREFIXED_DATE.fullmatch(text)
    if match is None:
        return name in _DATE_NAMES and _parse_bare_value(text) is not None
    return name not in _NOT_DATES and _parse_bare_value(match[1]) is not None


def plan_unknown_date(name: str, text: str) -> DatePlan | None:
    """Plan for a date of unknown meaning: None if the upstream accepts it as it is, else rejected."""
    match = _PREFIXED_DATE.fullmatch(text)
    if match is not None and _ACCEPTED.fullmatch(match[1]):
        return None
    problem = DateProblem("not-supported", "MSG_PARAM_INVALID", _UNKNOWN, "")  # the name may be a value
    return DatePlan(name, "reject", (), _UNKNOWN, problem=problem)


def _plan_unknown(name: str, values: Sequence[str]) -> DatePlan | None:
    texts = (text for value in values for text in value.split(",") if looks_like_date(name, text))
    plans = (plan_unknown_date(name, text) for text in texts)
    return next((plan for plan in plans if plan is not None), None)


def _plan_since(name: str, text: str, site: Site) -> DatePlan:
    support = site.date_support
    clocks = {zone for (_, code), zone in support.column_time_zones.items() if code in _UPDATE_CODES}
    if len(clocks) > 1 or len(set(support.label_meanings.values())) > 1:
        return rejected_plan(name, "not-supported", _SEVERAL_CLOCKS)
    plan = planner.history_since(text, support, site.zone)
    if plan.clock is not None and not plan.clock.is_known:
        return rejected_plan(name, "not-supported", _UNKNOWN_CLOCK)
    if plan.problem or not plan.exact:
        return rejected_plan(name, plan.problem.kind if plan.problem else "not-supported", _NOT_A_SECOND)
    return _single_plan(name, plan.queries[0][0])


def _plan_time(name: str, text: str, value: DateValue, site: Site) -> DatePlan | None:
    if _ACCEPTED.fullmatch(text):
        return None
    edges = _clock_edges(value, site)
    start = edges.start_low
    is_exact = _SECOND.match(text) and isinstance(start, int) and start == edges.start_high
    return _single_plan(name, second_text(start // 1)) if is_exact else _inexact_plan(name, _NOT_A_SECOND)


def _is_day(text: str) -> bool:
    """Whether a text is a day of the years 1 to 9999, as the upstream takes it."""
    try:
        return _DAY.fullmatch(text) is not None and bool(parse_date_value(text))
    except DateValueError:
        return False


def _plan_day(name: str, text: str, value: DateValue, site: Site, *, is_end: bool) -> DatePlan:
    edges = _clock_edges(_with_unit(value, text), site)
    low, high = (edges.end_low, edges.end_high) if is_end else (edges.start_low, edges.start_high)
    if low != high or low % DAY:
        return _inexact_plan(name, _NOT_A_DAY)
    return planner.operation_date("end" if is_end else "start", text, site.zone)


def _with_unit(value: DateValue, text: str) -> DateValue:
    """Return a value whose fraction of a second counts as a range, as every other unit does."""
    fraction = _FRACTION.search(text)
    if fraction is None:
        return value
    unit = Fraction(1, 10 ** len(fraction[1]))
    return replace(value, end=simplify_time(Fraction(value.start) + unit))


def _clock_edges(value: DateValue, site: Site) -> Edges:
    """Return a value's ends on the practice's clock; the two of an end differ if the clock shows it twice."""
    return column_edges(replace(value, prefix="ge"), site.zone, ColumnClock((site.zone,)))


def _single_plan(name: str, text: str) -> DatePlan:
    return DatePlan(name, "single", ((text,),), "The value is exactly one that the upstream accepts.")


def _inexact_plan(name: str, text: str) -> DatePlan:
    return rejected_plan(name, "not-supported", text)


def _parse_bare_value(text: str) -> DateValue | None:
    """Value without a prefix, in the years 1 to 9999 on every clock; None for any other text."""
    try:
        value = parse_date_value(text)
    except DateValueError:
        return None
    return value if text[:1].isdigit() and value.start >= _FIRST and value.end <= _LAST else None
