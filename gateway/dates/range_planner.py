"""Conditions for an element that may be a Period or Timing, for all values of a parameter."""

from itertools import product
from math import prod

from gateway.dates.column_clock import Edges
from gateway.dates.conditions import Conditions, Group, Repeats, floor_seconds, multi_value_conditions
from gateway.dates.intervals import Interval
from gateway.dates.periods import Alternative, exact_conditions, superset_bounds
from gateway.dates.points import Round
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import YEAR_10000, DateValue

#: Per repeat, its values with their edges on the column's clock.
BoundedRepeats = list[list[tuple[DateValue, Edges]]]
#: Values, and the conditions of a query that selects all their matches.
_RangeGroup = tuple[tuple[DateValue, ...], Alternative]


def plan_ranges(
    repeats: BoundedRepeats, support: DateSearchSupport, unit: Round, *, multi_valued: bool
) -> tuple[Conditions | None, bool]:
    """Return queries and whether they are exact; `None`: too many parts.

    `unit`: partial dates may be stored as the start of that unit.
    """
    exact = _plan_exact_ranges(repeats, support, unit, multi_valued=multi_valued)
    return exact or _plan_superset(repeats, support, unit)


def _plan_exact_ranges(
    bounded_repeats: BoundedRepeats, support: DateSearchSupport, unit: Round, *, multi_valued: bool
) -> tuple[Conditions, bool] | None:
    """Exact conditions; `None` without verified R4 semantics, `sa` and `eb`, or with too many parts."""
    exact = True
    if support.period_semantics != "r4" or not support.supports_sa_eb:
        return None
    repeats: list[list[_RangeGroup]] = []
    for repeat in bounded_repeats:
        results = [exact_conditions(value, edges, floor_seconds(support), unit) for value, edges in repeat]
        alternatives: list[_RangeGroup] = [
            ((value,), texts) for group, _ in results for value, texts in group
        ]
        exact = exact and all(is_exact for _, is_exact in results)
        exact = exact and not (multi_valued and any(len(texts) > 1 for _, texts in alternatives))
        alternatives = _without_narrower(alternatives)
        repeats.append(_join_by_comma(alternatives) if support.supports_comma_or else alternatives)
    if prod(len(alternatives) for alternatives in repeats) > support.max_split_queries:
        return None
    parts: dict[tuple[str, ...], list[Repeats]] = {}
    for combination in product(*repeats):
        query = tuple(text for _, texts in combination for text in texts)
        parts.setdefault(query, []).append(tuple(values for values, _ in combination))
    if not support.supports_repeated_parameter and any(len(query) > 1 for query in parts):
        return None
    conditions = Conditions(tuple(parts), parts=tuple(map(tuple, parts.values())))
    return conditions, exact and all(parts)


def _without_narrower(alternatives: list[_RangeGroup]) -> list[_RangeGroup]:
    """Join single conditions of one prefix, such as `gt`: the widest selects the matches of all."""
    joined: dict[Alternative, _RangeGroup] = {}
    for values, texts in alternatives:
        key = (texts[0][:2],) if len(texts) == 1 else (*texts, "")
        earlier_values, earlier_texts = joined.get(key, ((), texts))
        widest = max if key[0] in ("lt", "eb") else min
        joined[key] = (*earlier_values, *values), widest(earlier_texts, texts)
    return list(joined.values())


def _join_by_comma(alternatives: list[_RangeGroup]) -> list[_RangeGroup]:
    if any(len(texts) != 1 for _, texts in alternatives):
        return alternatives
    values = tuple(value for values, _ in alternatives for value in values)
    return [(values, (",".join(texts[0] for _, texts in alternatives),))]


def _plan_superset(
    repeats: BoundedRepeats, support: DateSearchSupport, unit: Round
) -> tuple[Conditions | None, bool]:
    exact = True
    start_only, floor = support.period_semantics == "start-only", floor_seconds(support)
    groups: list[list[Group]] = []
    for repeat in repeats:
        results = [superset_bounds(value, edges, unit=unit, start_only=start_only) for value, edges in repeat]
        groups.append(
            [
                (_clip_bounds(bounds, floor), (value,))
                for (value, _), (bounds, _) in zip(repeat, results, strict=True)
            ]
        )
        exact = exact and all(is_exact and bounds[1] > floor for bounds, is_exact in results)
    conditions = multi_value_conditions(groups, support, day=False, presence=False)
    return conditions, exact and conditions is not None and all(conditions.queries)


def _clip_bounds(bounds: Interval, floor: int) -> Interval:
    lower, upper = bounds
    return BEGIN if lower <= floor else lower, END if upper >= YEAR_10000 else max(upper, floor)
