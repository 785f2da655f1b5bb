from datetime import datetime, timedelta

import pytest
from exchanges import GUID, NOW, SITE
from structlog.testing import capture_logs

from gateway.core.caps import Cap
from gateway.core.cost import Cost, Row, Subject
from gateway.stores.daily_use import DailyUse

INTERACTIVE = Subject(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")
BATCH = INTERACTIVE._replace(batch=True)
CAP = Cap(queries=10, octets=1_000, stops_batch=True)
MINUTE = timedelta(minutes=1)


def use(cap: Cap | None = CAP) -> DailyUse:
    return DailyUse(lambda _: cap)


def paid(daily: DailyUse, times: int, *, start: datetime = NOW, step: timedelta = MINUTE) -> datetime:
    """Count so many queries, one each step; the time of the last."""
    for number in range(times):
        daily.add(INTERACTIVE, Cost.BILLED, 10, start + number * step)
    return start + (times - 1) * step


def test_batch_work_stops_when_the_cap_is_used_up_and_interactive_work_goes_on() -> None:
    daily = use()
    with capture_logs():
        paid(daily, 9)
        assert not daily.stops(BATCH, NOW)
        paid(daily, 1)
    assert daily.stops(BATCH, NOW)
    assert not daily.stops(INTERACTIVE, NOW)


def test_bytes_stop_as_queries_do() -> None:
    daily = use()
    with capture_logs():
        daily.add(INTERACTIVE, Cost.MAYBE_BILLED, 1_000, NOW)
    assert daily.stops(BATCH, NOW)


@pytest.mark.parametrize("cap", [None, Cap(queries=10, octets=1_000), Cap(stops_batch=True)])
def test_nothing_stops_unless_it_is_set(cap: Cap | None) -> None:
    daily = use(cap)
    with capture_logs():
        paid(daily, 20)
    assert not daily.stops(BATCH, NOW)


def test_what_costs_nothing_uses_up_nothing() -> None:
    daily = use()
    for cost in set(Cost) - {Cost.BILLED, Cost.MAYBE_BILLED}:
        daily.add(INTERACTIVE, cost, 10_000, NOW)
    assert daily.standings(NOW) == []


def test_a_new_day_starts_at_the_sites_midnight() -> None:
    daily = use()
    with capture_logs():
        paid(daily, 10)
    assert daily.stops(BATCH, datetime.fromisoformat("2026-07-01T13:59:59Z"))
    assert not daily.stops(BATCH, datetime.fromisoformat("2026-07-01T14:00:00Z"))


def test_the_log_warns_once_at_80_per_cent_and_once_at_the_cap() -> None:
    daily = use()
    with capture_logs() as lines:
        paid(daily, 12)
    assert [(each["event"], each["queries"], each["site"]) for each in lines] == [
        ("cap-near", 8, "harbour"),
        ("cap-reached", 10, "harbour"),
    ]


def test_the_warning_names_the_hour_in_which_the_cap_will_be_reached() -> None:
    daily = use(Cap(queries=100))
    with capture_logs() as lines:
        paid(daily, 80)
    (line,) = lines
    assert line["reached_in_hour"] == "2026-07-01T13:00:00+10:00"  # 12:00 and 100 minutes


def test_the_pace_is_that_of_the_last_hour() -> None:
    daily = use(Cap(queries=700))
    last = paid(daily, 300, step=timedelta(seconds=10))  # 50 minutes at 6 a minute
    later = paid(daily, 70, start=last + MINUTE)  # then 70 minutes at 1 a minute
    (standing,) = daily.standings(later)
    assert standing.use.queries == 370
    assert standing.hour is not None
    assert standing.hour.isoformat() == "2026-07-01T19:00:00+10:00"  # 14:00 and 330 minutes


def test_a_restart_goes_on_from_the_ledger() -> None:
    daily = use()
    line = INTERACTIVE.line(Cost.BILLED, NOW)
    yesterday = line._replace(day="2026-06-30")
    saved = line._replace(cost=Cost.HIT)
    daily.restore([Row(line, 6, 60), Row(line._replace(type="Slot"), 3, 30)])
    daily.restore([Row(yesterday, 50, 50), Row(saved, 50, 50)])
    assert not daily.stops(BATCH, NOW)
    with capture_logs():
        paid(daily, 1)
    assert daily.stops(BATCH, NOW)
    (standing,) = daily.standings(NOW)
    assert (standing.use.queries, standing.use.octets) == (10, 100)


def test_a_restart_behind_a_used_up_cap_stops_batch_at_once() -> None:
    daily = use()
    daily.restore([Row(INTERACTIVE.line(Cost.BILLED, NOW), 10, 0)])
    assert daily.stops(BATCH, NOW)
