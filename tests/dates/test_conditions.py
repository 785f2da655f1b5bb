"""Conditions of interval sets."""

from dataclasses import replace

from gateway.dates.conditions import (
    clip_to_columns,
    floor_seconds,
    multi_value_conditions,
    range_conditions,
    single_value_conditions,
)
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import parse_date_value

SUPPORT = DateSearchSupport()
ONE, TWO = (parse_date_value("2024"),), (parse_date_value("2025"),)
DAY = 86400


# Without bounds, the condition is a presence test or absent.
def test_each_bound_is_a_condition() -> None:
    assert range_conditions((0, END), SUPPORT, day=True) == ("ge1970-01-01",)
    assert range_conditions((BEGIN, 0), SUPPORT, day=False) == ("lt1970-01-01T00:00:00",)
    assert range_conditions((BEGIN, END), SUPPORT, day=True) == ("ge1753-01-01",)
    assert range_conditions((BEGIN, END), SUPPORT, day=True, presence=False) == ()


def test_bounds_below_floor_are_removed() -> None:
    floor = floor_seconds(SUPPORT)
    assert clip_to_columns(((floor - 9, floor), (floor, 5)), floor) == ((BEGIN, 5),)


def test_disjoint_parts_are_ordered_queries_up_to_limit() -> None:
    parts = tuple((DAY * 1000 * n, DAY * (1000 * n + 1)) for n in range(5))
    assert single_value_conditions(parts, SUPPORT, day=True) is None
    conditions = single_value_conditions(parts[:2], SUPPORT, day=True)
    assert conditions is not None
    assert conditions.queries == (("ge1970-01-01", "lt1970-01-02"), ("ge1972-09-27", "lt1972-09-28"))
    assert (conditions.exact, conditions.fallback) == (True, None)


def test_repeats_are_sent_with_strictest_bounds() -> None:
    conditions = multi_value_conditions(
        [[((0, END), ONE)], [((DAY, END), ONE)], [((BEGIN, 0), TWO)]], SUPPORT, day=True, presence=True
    )
    assert conditions is not None
    assert conditions.queries == (("ge1970-01-02", "lt1970-01-01"),)
    assert conditions.parts == (((ONE, ONE, TWO),),)


def test_query_selects_the_matches_of_its_values() -> None:
    far = (DAY * 9000, DAY * 9001)
    groups = [((0, DAY), ONE), ((DAY, 2 * DAY), TWO), (far, ONE)]
    conditions = multi_value_conditions([groups], SUPPORT, day=True, presence=True)
    assert conditions is not None
    assert conditions.queries == (("ge1970-01-01", "lt1970-01-03"), ("ge1994-08-23", "lt1994-08-24"))
    assert conditions.parts == ((((*ONE, *TWO),),), ((ONE,),))
    single = replace(SUPPORT, supports_repeated_parameter=False)
    conditions = multi_value_conditions([groups], single, day=True, presence=True)
    assert conditions is not None
    assert (conditions.queries, conditions.exact) == ((("ge1970-01-01",), ("ge1994-08-23",)), False)


def test_gap_that_a_value_may_extend_over_is_closed() -> None:
    parts = ((0, DAY), (3 * DAY, 4 * DAY))
    assert single_value_conditions(parts, SUPPORT, day=True, gap=DAY) == single_value_conditions(
        parts, SUPPORT, day=True
    )
    conditions = single_value_conditions(parts, SUPPORT, day=True, gap=2 * DAY)
    assert conditions is not None
    assert (conditions.queries, conditions.exact) == ((("ge1970-01-01", "lt1970-01-05"),), False)
