"""Outer and inner sets of single values."""

import pytest

from gateway.dates.column_clock import ColumnClock, column_edges
from gateway.dates.points import (
    Round,
    floor_day,
    floor_month,
    floor_second,
    floor_year,
    is_inside_unit,
    lattice_for,
    point_sets,
    unit_floor,
)
from gateway.dates.timezones import BEGIN, END, load_zone
from gateway.dates.value import YEAR_1, YEAR_10000, parse_date_value

SITE = load_zone("Australia/Brisbane")


def is_exact(text: str, kind: str, precision: str | None) -> bool:
    value = parse_date_value(text)
    outer, inner = point_sets(
        value, lattice_for(kind, precision), column_edges(value, SITE, ColumnClock((SITE,)))
    )
    return outer == inner


@pytest.mark.parametrize(
    ("text", "kind", "precision", "exact"),
    [
        *(
            ("ge2024-05-01T10:00:00.5", "dateTime", "second", True),
            ("ge2024-05-01T10:00:00.5", "dateTime", None, False),
        ),
        *(
            ("ge2024-05-01T10:00:00", "instant", None, True),
            ("ge2024-05-01T10:00:00.5", "instant", "second", True),
        ),
        *(("2024-05-01T10:00", "date", None, True), ("2024", "dateTime", "mixed-year", True)),
        *(("2024-01", "dateTime", "mixed-year", False), ("2024-06", "dateTime", "mixed-year", True)),
        *(("2024-01", "dateTime", "mixed-month", True), ("gt2024-06", "dateTime", "mixed-month", True)),
        *(
            ("gt2024-06-01", "dateTime", "mixed-month", False),
            ("gt2024-06-01", "dateTime", "mixed-day", True),
        ),
        *(
            ("gt2024-06-01T10:00", "dateTime", "mixed-day", False),
            ("eb2024-06", "dateTime", "mixed-year", False),
        ),
        *(("eb2024", "dateTime", "mixed-year", True), ("sa2024-06-15", "dateTime", "mixed-year", True)),
        *(("lt2024-06-15", "date", "mixed-year", True), ("gt2024-06-15", "date", "mixed-year", False)),
        *(("gt9999", "dateTime", "mixed-year", True), ("ne2024-01", "dateTime", "mixed-year", False)),
    ],
)
def test_exactness_depends_on_precision(text: str, kind: str, precision: str | None, *, exact: bool) -> None:
    assert is_exact(text, kind, precision) is exact


def test_bound_inside_a_unit_also_selects_that_unit() -> None:
    bounds = [parse_date_value(text).start for text in ("2024-05-01", "2024-05-01T00:01")]
    assert [is_inside_unit(((bound, END),), floor_day) for bound in bounds] == [False, True]
    assert is_inside_unit(((bounds[0], END),), floor_year)
    assert not is_inside_unit(((BEGIN, bounds[1]),), floor_day)


@pytest.mark.parametrize(
    ("precision", "floor"), [("mixed-year", floor_year), ("mixed-day", floor_day), ("frac", floor_second)]
)
def test_floor_of_a_precision_is_that_of_its_coarsest_unit(precision: str, floor: Round) -> None:
    assert unit_floor(precision) is floor


def test_floor_of_calendar_units() -> None:
    day = parse_date_value("2024-02-29").start
    assert floor_month(day) == parse_date_value("2024-02").start
    assert floor_year(day) == parse_date_value("2024").start
    assert (floor_year(END), floor_month(YEAR_1), floor_year(YEAR_10000)) == (END, YEAR_1, YEAR_10000)
