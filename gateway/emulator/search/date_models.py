"""Comparisons of date prefixes: plain SQL on a column, both readings of R4, three models of a Period."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.emulator.search.dates import ColumnValue, SearchValue
from gateway.emulator.settings import Variants

Comparison = Callable[[ColumnValue, SearchValue], bool]

NAIVE_SQL: Final[dict[str, Comparison]] = {
    "eq": lambda column, value: column.raw == value.low,
    "ne": lambda column, value: column.raw != value.low,
    "gt": lambda column, value: column.raw > value.low,
    "lt": lambda column, value: column.raw < value.low,
    "ge": lambda column, value: column.raw >= value.low,
    "le": lambda column, value: column.raw <= value.low,
    "sa": lambda column, value: column.raw > value.low,
    "eb": lambda column, value: column.raw < value.low,
    "ap": lambda column, value: value.low <= column.raw < value.high,
}
R4_A: Final[dict[str, Comparison]] = {
    "eq": lambda column, value: value.low <= column.low and column.high <= value.high,
    "ne": lambda column, value: not (value.low <= column.low and column.high <= value.high),
    "gt": lambda column, value: column.high > value.high,
    "lt": lambda column, value: column.low < value.low,
    "ge": lambda column, value: column.high > value.high or column.low >= value.low,
    "le": lambda column, value: column.low < value.low or column.high <= value.high,
    "sa": lambda column, value: column.low >= value.high,
    "eb": lambda column, value: column.high <= value.low,
    "ap": lambda column, value: column.low < value.high and column.high > value.low,
}
R4_B: Final[dict[str, Comparison]] = R4_A | {
    "gt": lambda column, value: column.high > value.low,
    "ge": lambda column, value: column.high > value.low or column.low >= value.low,
}
OVERLAP: Final[dict[str, Comparison]] = R4_A | {
    "eq": R4_A["ap"],
    "ne": lambda column, value: not R4_A["ap"](column, value),
    "ge": lambda column, value: column.high > value.low,
    "le": lambda column, value: column.low < value.high,
}
POINT_COMPARISONS: Final = {"naive-sql": NAIVE_SQL, "r4-a": R4_A, "r4-b": R4_B}
PERIOD_COMPARISONS: Final = {"r4": R4_A, "overlap": OVERLAP}


def date_matches(column: ColumnValue, value: SearchValue, variants: Variants) -> bool:
    """Whether a column value matches a search value under a site's variants."""
    if column.kind == "period":
        return _period_matches(column, value, variants)
    if column.is_partial and variants.partial_dates == "null":
        return False
    return POINT_COMPARISONS[variants.date_model][value.prefix](column, value)


def widen_approximate(value: SearchValue, now: datetime) -> SearchValue:
    """Widen an `ap` value on each side by a tenth of its distance from now, as R4 recommends."""
    nearest = min(max(now, value.low), value.high)
    tolerance = abs(now - nearest) / 10
    return SearchValue(value.prefix, value.low - tolerance, value.high + tolerance)


def _period_matches(column: ColumnValue, value: SearchValue, variants: Variants) -> bool:
    if variants.period_model != "start-only":
        return PERIOD_COMPARISONS[variants.period_model][value.prefix](column, value)
    if column.low == datetime.min:  # noqa: DTZ901 - an absent start is NULL in the start column
        return False
    start = ColumnValue(column.low, column.low + (value.high - value.low), column.raw)
    return POINT_COMPARISONS[variants.date_model][value.prefix](start, value)
