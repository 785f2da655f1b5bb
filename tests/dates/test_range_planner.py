"""Conditions for Periods, for all values of a parameter."""

from dataclasses import replace

from support.date_facts import PROBED

from gateway.dates.column_clock import ColumnClock, column_edges
from gateway.dates.conditions import Conditions
from gateway.dates.points import floor_day, floor_second
from gateway.dates.range_planner import plan_ranges
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import load_zone
from gateway.dates.value import DateValue, parse_date_value

SITE = load_zone("Australia/Brisbane")
VERIFIED = replace(PROBED, period_semantics="r4", supports_sa_eb=True)


def values_of(text: str) -> tuple[DateValue, ...]:
    return tuple(parse_date_value(value) for value in text.split(","))


def planned(text: str, support: DateSearchSupport, *, has_days: bool = False) -> tuple[Conditions, bool]:
    clock = ColumnClock((SITE,))
    repeat = [(value, column_edges(value, SITE, clock)) for value in values_of(text)]
    conditions, exact = plan_ranges(
        [repeat], support, floor_day if has_days else floor_second, multi_valued=False
    )
    assert conditions is not None
    return conditions, exact


def test_superset_reaches_the_end_that_may_be_a_day() -> None:
    conditions, exact = planned("ge2024-05-01T09:00", PROBED, has_days=True)
    assert (conditions.queries, exact) == ((("ge2024-04-30T23:59:59",),), False)
    assert planned("lt2024-05-01T09:00", PROBED, has_days=True)[1]


def test_each_overlapping_query_has_the_values_it_surely_selects() -> None:
    conditions, _ = planned("2014,2024", PROBED)
    first, second = values_of("2014,2024")
    assert conditions.parts == ((((first,),),), (((second,),),))
    conditions, exact = planned("ne2024", VERIFIED)
    assert exact
    assert conditions.parts == (((values_of("lt2024"),),), ((values_of("gt2024"),),))


def test_second_condition_needs_repeats() -> None:
    single = replace(VERIFIED, supports_repeated_parameter=False)
    assert planned("ge2024", single) == planned("ge2024", VERIFIED)
    conditions, exact = planned("2024", single)
    assert (conditions.queries, conditions.exact, exact) == ((("ge2024-01-01T00:00:00",),), False, False)
