"""Report of the current day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dates.timezones import load_zone
from gateway.ledger.cost import CostClass
from gateway.ledger.day_report import MAX_NAMES, DayTime, day_report, day_time, linear_forecast
from gateway.ledger.day_sums import DaySums
from gateway.ledger.prices import NO_PRICES, Prices

SYDNEY = load_zone("Australia/Sydney")
NOON = DayTime("2026-07-01", timedelta(hours=12), timedelta(hours=24))
PRICES = Prices(Decimal("0.02"), Decimal(1), "AUD")


@pytest.mark.parametrize(
    ("now", "day", "elapsed", "length"),
    [
        ("2026-07-01T02:00", "2026-07-01", 12, 24),
        ("2026-06-30T14:00", "2026-07-01", 0, 24),
        ("2026-06-30T13:59", "2026-06-30", 23 + 59 / 60, 24),
        ("2026-04-05T02:00", "2026-04-05", 13, 25),  # the clocks went back
        ("2026-10-04T01:00", "2026-10-04", 11, 23),  # the clocks went forward
    ],
)
def test_day_is_that_of_the_zone(now: str, day: str, elapsed: float, length: float) -> None:
    time = day_time(datetime.fromisoformat(now).replace(tzinfo=UTC), SYDNEY)
    assert (time.day, time.length) == (day, timedelta(hours=length))
    assert time.elapsed == timedelta(hours=elapsed)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.sampled_from(["Australia/Sydney", "UTC"]))  # noqa: DTZ001
def test_elapsed_time_is_within_the_day(now: datetime, zone: str) -> None:
    time = day_time(now.replace(tzinfo=UTC), load_zone(zone))
    assert timedelta(0) <= time.elapsed < time.length


@pytest.mark.parametrize(("hours", "expected"), [(0, None), (0.99, None), (1, 240), (12, 20), (23.99, 10)])
def test_forecast_is_linear_after_the_first_hour(hours: float, expected: int | None) -> None:
    assert linear_forecast(10, NOON._replace(elapsed=timedelta(hours=hours))) == expected


def test_report_has_use_forecast_and_names() -> None:
    sums = DaySums(
        {
            ("diary", CostClass.BILLED): (6, 600_000),
            ("diary", CostClass.HIT): (9, 9),
            ("board", CostClass.MAYBE_BILLED): (3, 400_000),
        },
        {("app", CostClass.BILLED): (6, 600_000)},
    )
    report = day_report(sums, PRICES, NOON)
    assert (report["queries"], report["bytes"], report["cost"]) == (9, 1_000_000, "1.18")
    assert report["savedShare"] == 0.5
    assert report["forecast"] == {"method": "linear", "queries": 18, "bytes": 2_000_000, "cost": "2.36"}
    assert report["totals"]["avoided:hit"] == {"queries": 9, "bytes": 9}
    assert [(each["caller"], each["queries"], each["savedShare"]) for each in report["callers"]] == [
        ("diary", 6, 0.6),
        ("board", 3, 0.0),
    ]
    assert [each["app"] for each in report["apps"]] == ["app"]


def test_report_without_prices_or_time_has_no_cost_or_forecast() -> None:
    time = NOON._replace(elapsed=timedelta(minutes=5))
    report = day_report(DaySums({}, {}), NO_PRICES, time)
    assert (report["cost"], report["currency"]) == (None, None)
    assert report["forecast"] == {"method": "linear", "queries": None, "bytes": None, "cost": None}


def test_number_of_names_is_bounded() -> None:
    sums = {(str(number), CostClass.BILLED): (number, 0) for number in range(MAX_NAMES + 1)}
    callers = day_report(DaySums(sums, {}), NO_PRICES, NOON)["callers"]
    assert (len(callers), callers[0]["caller"], callers[-1]["caller"]) == (MAX_NAMES, str(MAX_NAMES), "1")
