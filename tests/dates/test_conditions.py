"""Interval sets as queries."""

from gateway.dates.conditions import (
    clip_to_columns,
    floor_seconds,
    multi_value_conditions,
    range_conditions,
    single_value_conditions,
)
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import BEGIN, END

FACTS = DateSearchSupport()
DAY = 86400


def test_a_bound_is_one_condition_and_no_bound_a_presence_test_or_nothing() -> None:
    assert range_conditions((0, END), FACTS, day=True) == ("ge1970-01-01",)
    assert range_conditions((BEGIN, 0), FACTS, day=False) == ("lt1970-01-01T00:00:00",)
    assert range_conditions((BEGIN, END), FACTS, day=True) == ("ge1753-01-01",)
    assert range_conditions((BEGIN, END), FACTS, day=True, presence=False) == ()


def test_bounds_beyond_the_floor_are_dropped() -> None:
    floor = floor_seconds(FACTS)
    assert clip_to_columns(((floor - 9, floor), (floor, 5)), floor) == ((BEGIN, 5),)


def test_disjoint_parts_keep_their_order_and_say_when_they_are_too_many() -> None:
    parts = tuple((DAY * 1000 * n, DAY * (1000 * n + 1)) for n in range(5))
    assert single_value_conditions(parts, FACTS, day=True) is None
    found = single_value_conditions(parts[:2], FACTS, day=True)
    assert found is not None
    assert found.queries == (("ge1970-01-01", "lt1970-01-02"), ("ge1972-09-27", "lt1972-09-28"))
    assert (found.exact, found.fallback) == (True, None)


def test_repeats_kept_apart_send_the_strictest_of_each_bound() -> None:
    found = multi_value_conditions(
        [((0, END),), ((DAY, END),), ((BEGIN, 0),)], FACTS, day=True, presence=True
    )
    assert found is not None
    assert found.queries == (("ge1970-01-02", "lt1970-01-01"),)
