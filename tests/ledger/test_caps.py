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
    ("cap", "part"),
    [
        (DailyCap(), 0.0),
        (DailyCap(queries=100), 0.5),
        (DailyCap(octets=1_000), 0.8),
        (DailyCap(queries=100, octets=1_000), 0.8),
        (DailyCap(queries=40), 1.25),
        (DailyCap(queries=0), 1.0),
    ],
)
def test_the_nearer_cap_counts(cap: DailyCap, part: float) -> None:
    assert used_ratio(cap, Usage(NOW, 50, 800)) == part


def test_the_forecast_goes_on_at_the_pace_seen() -> None:
    seen = Usage(NOW - HOUR, 100), Usage(NOW, 200)
    assert forecast(DailyCap(queries=500), *seen, END) == NOW + 3 * HOUR


def test_the_first_of_two_caps_is_forecast() -> None:
    seen = Usage(NOW - HOUR, 100, 0), Usage(NOW, 200, 1_000)
    assert forecast(DailyCap(500, 2_000), *seen, END) == NOW + HOUR


@pytest.mark.parametrize(
    ("cap", "earlier", "later"),
    [
        (DailyCap(), Usage(NOW - HOUR), Usage(NOW, 100)),
        (DailyCap(queries=500), Usage(NOW - HOUR, 100), Usage(NOW, 100)),
        (DailyCap(queries=50_000), Usage(NOW - HOUR, 100), Usage(NOW, 200)),
        (DailyCap(queries=500), Usage(NOW - timedelta(minutes=4), 0), Usage(NOW, 200)),
    ],
)
def test_nothing_is_forecast_without_cap_or_pace_or_reason(
    cap: DailyCap, earlier: Usage, later: Usage
) -> None:
    assert forecast(cap, earlier, later, END) is None


def test_a_cap_that_is_reached_is_reached_now() -> None:
    assert forecast(DailyCap(queries=100), Usage(NOW - HOUR, 100), Usage(NOW, 100), END) == NOW


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_forecast_is_between_now_and_the_end(cap: int, before: int, more: int) -> None:
    found = forecast(DailyCap(queries=cap), Usage(NOW - HOUR, before), Usage(NOW, before + more), END)
    assert found is None or NOW <= found < END


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
def test_midnight_is_the_sites(now: str, name: str, end: str) -> None:
    assert next_midnight(datetime.fromisoformat(now), load_zone(name)) == datetime.fromisoformat(end)


def test_batch_work_is_told_to_wait_until_midnight() -> None:
    failure = batch_rejected(NOW, SITE.zone)
    assert (failure.kind.status, failure.kind.code, failure.issue) == (429, "site-cap", "throttled")
    assert failure.retry_after == 12 * 3_600
    assert not failure.kind.may_have_run
