from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.search.date_models import date_matches, widen_approximate
from gateway.emulator.search.dates import PREFIXES, ColumnValue, SearchValue
from gateway.emulator.settings import Variants

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
NOON = datetime(2026, 6, 1, 12)  # noqa: DTZ001 - wall clock
MORNING = NOON.replace(hour=0)


def point(start: datetime, fraction: timedelta = timedelta(0)) -> ColumnValue:
    return ColumnValue(start, start + SECOND, start + fraction)


def meets(column: ColumnValue, value: SearchValue, **variants: object) -> bool:
    return date_matches(column, value, Variants.model_validate(variants))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("naive-sql", {"ne", "gt", "ge", "sa", "ap"}),
        ("r4-a", {"eq", "ge", "le", "ap"}),
        ("r4-b", {"eq", "gt", "ge", "le", "ap"}),
    ],
)
def test_noon_compared_with_its_own_day(model: str, expected: set[str]) -> None:
    values = [SearchValue(prefix, MORNING, MORNING + DAY) for prefix in PREFIXES]
    assert {value.prefix for value in values if meets(point(NOON), value, date_model=model)} == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, {"eq", "ge", "le", "ap"}), (-1, {"ne", "lt", "le", "eb"}), (1, {"ne", "gt", "ge", "sa"})],
)
def test_naive_sql_compares_with_first_instant_of_second(seconds: int, expected: set[str]) -> None:
    column = point(NOON + seconds * SECOND)
    values = [SearchValue(prefix, NOON, NOON + SECOND) for prefix in PREFIXES]
    assert {value.prefix for value in values if meets(column, value)} == expected


@pytest.mark.parametrize("model", ["r4-a", "r4-b"])
@pytest.mark.parametrize(
    ("days", "expected"),
    [(-1, {"ne", "gt", "ge", "sa"}), (1, {"ne", "lt", "le", "eb"})],
)
def test_noon_compared_with_adjacent_day(model: str, days: int, expected: set[str]) -> None:
    start = MORNING + days * DAY
    values = [SearchValue(prefix, start, start + DAY) for prefix in PREFIXES]
    assert {value.prefix for value in values if meets(point(NOON), value, date_model=model)} == expected


def test_hidden_fraction_matches_r4_but_not_naive_sql() -> None:
    column, value = point(NOON, timedelta(milliseconds=300)), SearchValue("eq", NOON, NOON + SECOND)
    assert not meets(column, value, date_model="naive-sql")
    assert meets(column, value, date_model="r4-a")


@given(
    offset=st.integers(-5, 5),
    fraction=st.integers(0, 999),
    prefix=st.sampled_from(["ge", "lt"]),
)
def test_ge_and_lt_of_seconds_agree_in_all_models(offset: int, fraction: int, prefix: str) -> None:
    column = point(NOON + offset * SECOND, timedelta(milliseconds=fraction))
    value = SearchValue(prefix, NOON, NOON + SECOND)
    results = {meets(column, value, date_model=model) for model in ("naive-sql", "r4-a", "r4-b")}
    assert results == {offset >= 0 if prefix == "ge" else offset < 0}


VISIT = ColumnValue(NOON - timedelta(hours=14), NOON, NOON - timedelta(hours=14), "period")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("r4", {"ne", "lt", "le", "ap"}),
        ("overlap", {"eq", "lt", "ge", "le", "ap"}),
        ("start-only", {"ne", "lt", "le", "eb"}),
    ],
)
def test_period_over_midnight_compared_with_its_second_day(model: str, expected: set[str]) -> None:
    day = {prefix: SearchValue(prefix, MORNING, MORNING + DAY) for prefix in PREFIXES}
    assert {prefix for prefix, value in day.items() if meets(VISIT, value, period_model=model)} == expected


def test_period_without_start_is_null_in_start_only_model() -> None:
    column = ColumnValue(datetime.min, NOON, datetime.min, "period")  # noqa: DTZ901 - wall clock
    value = SearchValue("lt", NOON + DAY, NOON + DAY + SECOND)
    assert not meets(column, value, period_model="start-only")
    assert meets(column, value, period_model="r4")


def test_partial_date_is_null_by_variant() -> None:
    year = ColumnValue(MORNING, MORNING + 365 * DAY, MORNING, is_partial=True)
    value = SearchValue("ge", MORNING, MORNING + DAY)
    assert meets(year, value)
    assert not meets(year, value, partial_dates="null")


def test_approximate_value_is_widened_by_tenth_of_distance() -> None:
    value = widen_approximate(SearchValue("ap", MORNING, MORNING + DAY), MORNING + 11 * DAY)
    assert (value.low, value.high) == (MORNING - DAY, MORNING + 2 * DAY)
    today = SearchValue("ap", MORNING, MORNING + DAY)
    assert widen_approximate(today, NOON) == today
