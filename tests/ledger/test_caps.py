"""Daily caps and forecasts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import NOW, SITE

from gateway.dates.timezones import load_zone
from gateway.ledger.caps import DailyCap, Usage, batch_rejected, forecast, next_midnight, used_ratio

END = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("cap", "ratio"),
    [
        (DailyCap(), 0.0),
        (DailyCap(queries=100), 0.5),
        (DailyCap(octets=1_000), 0.8),
        (DailyCap(queries=100, octets=1_000), 0.8),
        (DailyCap(queries=40), 1.25),
        (DailyCap(queries=0), 1.0),
    ],
)
def test_used_ratio_is_that_of_the_nearer_cap(cap: DailyCap, ratio: float) -> None:
    assert used_ratio(cap, Usage(NOW, 50, 800)) == ratio


def test_forecast_continues_at_the_measured_rate() -> None:
    measurements = Usage(NOW - HOUR, 100), Usage(NOW, 200)
    assert forecast(DailyCap(queries=500), *measurements, END) == NOW + 3 * HOUR


def test_forecast_is_for_the_first_of_two_caps() -> None:
    measurements = Usage(NOW - HOUR, 100, 0), Usage(NOW, 200, 1_000)
    assert forecast(DailyCap(500, 2_000), *measurements, END) == NOW + HOUR


@pytest.mark.parametrize(
    ("cap", "earlier", "later"),
    [
        (DailyCap(), Usage(NOW - HOUR), Usage(NOW, 100)),
        (DailyCap(queries=500), Usage(NOW - HOUR, 100), Usage(NOW, 100)),
        (DailyCap(queries=50_000), Usage(NOW - HOUR, 100), Usage(NOW, 200)),
        (DailyCap(queries=500), Usage(NOW - timedelta(minutes=4), 0), Usage(NOW, 200)),
    ],
)
def test_no_forecast_without_cap_rate_or_reach(cap: DailyCap, earlier: Usage, later: Usage) -> None:
    assert forecast(cap, earlier, later, END) is None


def test_reached_cap_is_forecast_for_now() -> None:
    assert forecast(DailyCap(queries=100), Usage(NOW - HOUR, 100), Usage(NOW, 100), END) == NOW


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_forecast_is_between_now_and_the_end(cap: int, before: int, increase: int) -> None:
    time = forecast(DailyCap(queries=cap), Usage(NOW - HOUR, before), Usage(NOW, before + increase), END)
    assert time is None or NOW <= time < END


@pytest.mark.parametrize(
    ("now", "name", "end"),
    [
        ("2026-07-01T02:00Z", "Australia/Sydney", "2026-07-01T14:00Z"),
        ("2026-07-01T14:00Z", "Australia/Sydney", "2026-07-02T14:00Z"),
        ("2026-07-01T02:00Z", "Australia/Perth", "2026-07-01T16:00Z"),
        ("2026-10-03T15:00Z", "Australia/Sydney", "2026-10-04T13:00Z"),  # 23 hours: the clock springs forward
        ("2026-04-04T14:00Z", "Australia/Sydney", "2026-04-05T14:00Z"),  # 25 hours, from 13:00Z
    ],
)
def test_next_midnight_is_that_of_the_zone(now: str, name: str, end: str) -> None:
    assert next_midnight(datetime.fromisoformat(now), load_zone(name)) == datetime.fromisoformat(end)


def test_rejection_of_batch_work_ends_at_midnight() -> None:
    failure = batch_rejected(NOW, SITE.zone)
    assert (failure.kind.status, failure.kind.code, failure.issue) == (429, "site-cap", "throttled")
    assert failure.retry_after == 12 * 3_600
    assert not failure.kind.may_have_run
