"""Conditions for Periods: supersets and exact conditions."""

import pytest

from gateway.dates.bounds import second_text
from gateway.dates.column_clock import ColumnClock, Edges, column_edges
from gateway.dates.periods import exact_conditions, superset_bounds
from gateway.dates.points import floor_day, floor_second, floor_year
from gateway.dates.timezones import BEGIN, END, load_zone
from gateway.dates.value import YEAR_1, DateValue, parse_date_value

SITE = load_zone("Australia/Brisbane")


def edges_of(value: DateValue) -> Edges:
    return column_edges(value, SITE, ColumnClock((SITE,)))


def bounds_of(text: str, *, partial: bool = False, start_only: bool = False) -> tuple[str, str, bool]:
    value = parse_date_value(text)
    (lower, upper), exact = superset_bounds(
        value,
        edges_of(value),
        unit=floor_year if partial else floor_second,
        start_only=start_only,
    )
    return (
        "" if lower == BEGIN else second_text(int(lower)),
        "" if upper == END else second_text(int(upper)),
        exact,
    )


@pytest.mark.parametrize(
    ("text", "lower", "upper", "exact"),
    [
        ("2024", "2024-01-01T00:00:00", "2025-01-01T00:00:00", False),
        ("gt2024", "2024-12-31T23:59:59", "", False),
        ("ge2024", "2023-12-31T23:59:59", "", False),
        ("ge2024-05-01T10:00:00.5", "2024-05-01T09:59:59", "", False),
        ("lt2024", "", "2024-01-01T00:00:00", True),
        ("lt2024-05-01T10:00:00.5", "", "2024-05-01T10:00:01", False),
        ("le2024", "", "2025-01-01T00:00:00", True),
        ("sa2024", "2025-01-01T00:00:00", "", False),
        ("eb2024", "", "2024-01-01T00:00:00", False),
        ("ne2024", "", "", False),
        ("ap2024", "2023-12-31T23:59:59", "2025-01-01T00:00:00", False),
    ],
)
def test_superset_has_two_bounds(text: str, lower: str, upper: str, *, exact: bool) -> None:
    assert bounds_of(text) == (lower, upper, exact)


def test_partial_dates_and_start_column_change_lower_bound() -> None:
    assert bounds_of("gt2024-06-01", partial=True)[0] == "2023-12-31T23:59:59"
    assert [bounds_of(f"{prefix}2024", start_only=True)[0] for prefix in ("gt", "ge", "ap")] == ["", "", ""]
    assert bounds_of("sa2024", start_only=True)[0] == "2025-01-01T00:00:00"


def test_exact_sa_is_sent_one_second_lower() -> None:
    value = parse_date_value("2024-05-01")
    assert exact_conditions(value, edges_of(value), YEAR_1, floor_second) == (
        ((value, ("sa2024-04-30T23:59:59", "eb2024-05-02T00:00:00")),),
        True,
    )


@pytest.mark.parametrize(
    ("text", "texts", "exact"),
    [
        ("ge2024-05-01", [("gt2024-04-30T23:59:59",)], True),
        ("ge2024-05-01T10:00", [("gt2024-04-30T23:59:59",)], False),
        ("le2024-05-01T10:00", [("lt2024-05-01T10:01:00",)], True),
        ("eb2024-05-01T10:00", [("eb2024-05-01T10:00:00",)], False),
        ("ne2024-05-01", [("lt2024-05-01T00:00:00",), ("gt2024-05-01T23:59:59",)], True),
    ],
)
def test_end_that_may_be_a_day_is_exact_at_midnight(
    text: str, texts: list[tuple[str, ...]], *, exact: bool
) -> None:
    value = parse_date_value(text)
    alternatives, is_exact = exact_conditions(value, edges_of(value), YEAR_1, floor_day)
    assert ([sent for _, sent in alternatives], is_exact) == (texts, exact)
