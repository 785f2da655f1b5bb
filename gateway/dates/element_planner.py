"""The plan for the parsed values of one parameter on one element: points by sets, ranges by their ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import reduce
from itertools import product
from math import prod
from typing import Final

from gateway.dates.bounds import Edges, edges
from gateway.dates.conditions import Conditions, apart, clipped, disjoint, floor_of
from gateway.dates.intervals import Interval, Intervals, intersection, union
from gateway.dates.matcher import DatePredicate
from gateway.dates.periods import Alternative, basis, superset
from gateway.dates.plan import TOO_COSTLY, DatePlan, refused, strategy
from gateway.dates.points import Lattice, floor_year, lattice, point_sets, straddled
from gateway.dates.registry import DateParameter
from gateway.dates.support import DateFacts
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import YEAR_10000, DateValue

Repeats = tuple[tuple[DateValue, ...], ...]
Bounded = list[list[tuple[DateValue, Edges]]]  # per repeat its values with their ends on the column's clock


@dataclass(frozen=True, slots=True)
class Asked:
    """The values of one parameter. `multi`: several stored values may be met; `direct`: on the matches."""

    name: str
    values: Repeats
    facts: DateFacts
    site: tzinfo
    multi: bool = False
    direct: bool = True


@dataclass(frozen=True, slots=True)
class _Answer:
    """Conditions and whether the upstream's answer to them is exact; `why` it is not."""

    conditions: Conditions | None
    exact: bool
    why: str
    dedupe: bool = False


_EXACT: Final = {
    1: "One range on one value, which ge and lt select exactly.",
    2: "Separate ranges: one query each, their answers joined.",
}
_EMPTY: Final = "No value can meet all these conditions."
_CLOCK: Final = "A bound lies in the hour that the site's clock shows twice when daylight saving ends."
_RANGE: Final = (
    "The element may be a Period, which is compared by both its ends: ge and lt alone cannot do that."
)
_REPEATS: Final = "The element repeats: each bound of a range may be met by another repetition."
_PARTIAL: Final = "Stored dates may be partial, and the unit of one may reach over a bound."
_FRACTION: Final = "Values may show fractions of a second, conditions upstream are whole seconds."
_JOINED: Final = "The separate ranges are more than the gateway asks for: the narrowest gaps were closed."
_ONE: Final = "The upstream takes one condition per parameter."
_UNCHECKED: Final = (
    "This condition cannot be sent exactly, and what it speaks of is not among the matches to be checked."
    " Write one half-open bound (ge or lt) with a whole second or day, or search the other type itself."
)


def planned(asked: Asked, parameter: DateParameter) -> DatePlan:
    """The plan for that element: exact where possible, otherwise a superset with the original as filter."""
    column = asked.facts.column(parameter, asked.site)
    at = [[(value, edges(value, asked.site, column)) for value in repeat] for repeat in asked.values]
    if asked.facts.has_points(parameter):
        answer = _by_points(asked, parameter, at)
    else:
        answer = _by_basis(asked, at) or _by_superset(asked, parameter, at)
    return _plan(asked, parameter, answer)


def _by_points(asked: Asked, parameter: DateParameter, at: Bounded) -> _Answer:
    day, facts = parameter.kind == "date", asked.facts
    on = lattice(parameter.kind, facts.precision_of(parameter))
    outer, inner = _sets(on, at, floor_of(facts))
    if asked.multi:
        exact = outer == inner and all(_is_half_line(each) for each in outer)
        sent = apart(outer, facts, day=day, presence=True) if all(outer) else Conditions(())
        return _Answer(sent, exact or not all(outer), _inexact(on, at, _REPEATS), dedupe=True)
    every, sure = reduce(intersection, outer), reduce(intersection, inner)
    sent = disjoint(every, facts, day=day) if every else Conditions(())
    guessed = facts.guesses(parameter) and straddled(every)  # then a partial value may be in two parts
    why = _inexact(on, at, _JOINED if every == sure else _CLOCK)
    return _Answer(sent, every == sure and not guessed, why, dedupe=guessed)


def _sets(on: Lattice, at: Bounded, floor: int) -> tuple[list[Intervals], list[Intervals]]:
    pairs = [[point_sets(value, on, ends) for value, ends in repeat] for repeat in at]
    return (
        [clipped(union(outer for outer, _ in repeat), floor) for repeat in pairs],
        [clipped(union(inner for _, inner in repeat), floor) for repeat in pairs],
    )


def _is_half_line(intervals: Intervals) -> bool:
    return len(intervals) == 1 and (intervals[0][0] == BEGIN or intervals[0][1] == END)


def _inexact(on: Lattice, at: Bounded, other: str) -> str:
    if on.units:
        return _PARTIAL
    fractional = any(time % 1 for repeat in at for _, ends in repeat for time in ends.outer)
    return _FRACTION if fractional else other


def _by_basis(asked: Asked, at: Bounded) -> _Answer | None:
    """Exactly, where R4's range semantics and `sa`, `eb` were verified and the parts are few enough."""
    facts, exact = asked.facts, True
    if facts.period != "r4" or not facts.sa_eb:
        return None
    repeats: list[list[Alternative]] = []
    for repeat in at:
        found = [basis(value, ends, floor_of(facts)) for value, ends in repeat]
        alternatives = [each for written, _ in found for each in written]
        exact = exact and all(sure for _, sure in found)
        exact = exact and not (asked.multi and any(len(each) > 1 for each in alternatives))
        repeats.append(_with_comma(alternatives) if facts.comma else alternatives)
    if prod(len(each) for each in repeats) > facts.max_splits:
        return None
    queries = tuple(tuple(text for part in parts for text in part) for parts in product(*repeats))
    return _Answer(Conditions(queries), exact and all(queries), _RANGE, dedupe=True)


def _with_comma(alternatives: list[Alternative]) -> list[Alternative]:
    if all(len(each) == 1 for each in alternatives):
        return [(",".join(each[0] for each in alternatives),)]
    return alternatives


def _by_superset(asked: Asked, parameter: DateParameter, at: Bounded) -> _Answer:
    facts, exact = asked.facts, True
    unit = floor_year if facts.may_be_partial(parameter) else None
    sets = []
    for repeat in at:
        found = [
            superset(value, ends, coarsest=unit, start_only=facts.period == "start-only")
            for value, ends in repeat
        ]
        sets.append(union(_above(each, floor_of(facts)) for each, _ in found))
        exact = exact and all(sure and each[1] > floor_of(facts) for each, sure in found)
    sent = apart(sets, facts, day=False, presence=False)
    return _Answer(sent, exact and sent is not None and all(sent.queries), _RANGE, dedupe=True)


def _above(bounds: Interval, floor: int) -> Intervals:
    lower, upper = bounds
    return ((BEGIN if lower <= floor else lower, END if upper >= YEAR_10000 else max(upper, floor)),)


def _plan(asked: Asked, parameter: DateParameter, answer: _Answer) -> DatePlan:
    if answer.conditions is None:
        return refused(asked.name, "too-costly", TOO_COSTLY)
    if not answer.conditions.queries:
        return _empty(asked, parameter)
    return _sent(asked, parameter, answer, answer.conditions)


def _empty(asked: Asked, parameter: DateParameter) -> DatePlan:
    predicate, cacheable = _predicate(asked, parameter), _cacheable(asked.values)
    return DatePlan(
        asked.name, "empty", (), _EMPTY, predicate=predicate, cacheable=cacheable, values=asked.values
    )


def _sent(asked: Asked, parameter: DateParameter, answer: _Answer, sent: Conditions) -> DatePlan:
    queries = sent.queries if asked.facts.repeats else tuple(dict.fromkeys(each[:1] for each in sent.queries))
    exact, many = answer.exact and sent.exact and queries == sent.queries, len(queries) > 1
    predicate = _predicate(asked, parameter)
    if not exact and predicate is None:
        return refused(asked.name, "not-supported", _UNCHECKED)
    dedupe = many and (answer.dedupe or queries != sent.queries)
    why = _EXACT[min(len(queries), 2)] if exact else _ONE if queries != sent.queries else answer.why
    return DatePlan(
        asked.name,
        strategy(len(queries), exact=exact, dedupe=dedupe) if all(queries) else "drop+filter",
        queries,
        why,
        exact,
        dedupe,
        predicate,
        _cacheable(asked.values),
        sent.fallback[:1] if sent.fallback and not asked.facts.repeats else sent.fallback,
        values=asked.values,
    )


def _predicate(asked: Asked, parameter: DateParameter) -> DatePredicate | None:
    return DatePredicate(parameter, asked.values) if asked.direct and parameter.paths else None


def _cacheable(values: Sequence[Sequence[DateValue]]) -> bool:
    return not any(value.prefix == "ap" for repeat in values for value in repeat)
