"""Daily usage of sites with caps."""

from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs
from support.requests import GUID, NOW, SITE

from gateway.exchange import Site
from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import Attribution, CostClass
from gateway.ledger.daily_usage import DailyUsage

INTERACTIVE = Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")
BATCH = INTERACTIVE._replace(is_batch=True)
CAP = DailyCap(queries=10, octets=1_000, rejects_batch=True)
MINUTE = timedelta(minutes=1)


def daily_usage(cap: DailyCap | None = CAP) -> DailyUsage:
    return DailyUsage(lambda _: cap)


def count(daily: DailyUsage, times: int, *, start: datetime = NOW, step: timedelta = MINUTE) -> datetime:
    """Count billed queries, one each step; return the time of the last one."""
    for number in range(times):
        daily.add(INTERACTIVE, CostClass.BILLED, 10, start + number * step)
    return start + (times - 1) * step


def test_reached_cap_rejects_batch_but_not_interactive_requests() -> None:
    daily = daily_usage()
    with capture_logs():
        count(daily, 9)
        assert not daily.rejects_batch(BATCH, NOW)
        count(daily, 1)
    assert daily.rejects_batch(BATCH, NOW)
    assert not daily.rejects_batch(INTERACTIVE, NOW)


def test_cap_has_the_name_of_its_practice() -> None:
    daily = DailyUsage(lambda _: CAP, {GUID: SITE}.get)
    daily.add(INTERACTIVE._replace(name="mnt/harbour"), CostClass.BILLED, 10, NOW)
    assert [status.name for status in daily.cap_statuses(NOW)] == [SITE.name]


def test_reached_byte_cap_rejects_batch() -> None:
    daily = daily_usage()
    with capture_logs():
        daily.add(INTERACTIVE, CostClass.MAYBE_BILLED, 1_000, NOW)
    assert daily.rejects_batch(BATCH, NOW)


@pytest.mark.parametrize("cap", [None, DailyCap(queries=10, octets=1_000), DailyCap(rejects_batch=True)])
def test_batch_is_not_rejected_without_cap_or_reject_batch(cap: DailyCap | None) -> None:
    daily = daily_usage(cap)
    with capture_logs():
        count(daily, 20)
    assert not daily.rejects_batch(BATCH, NOW)


def test_free_requests_use_no_cap() -> None:
    daily = daily_usage()
    for cost in set(CostClass) - {CostClass.BILLED, CostClass.MAYBE_BILLED}:
        daily.add(INTERACTIVE, cost, 10_000, NOW)
    assert daily.cap_statuses(NOW) == []


def test_unproved_callers_use_no_cap() -> None:
    daily = daily_usage()
    daily.add(INTERACTIVE._replace(caller="unproved"), CostClass.BILLED, 1_000, NOW, queries=10)
    assert not daily.rejects_batch(BATCH, NOW)


def test_usage_resets_at_midnight_of_the_site() -> None:
    daily = daily_usage()
    with capture_logs():
        count(daily, 10)
    assert daily.rejects_batch(BATCH, datetime.fromisoformat("2026-07-01T13:59:59Z"))
    assert not daily.rejects_batch(BATCH, datetime.fromisoformat("2026-07-01T14:00:00Z"))


def test_log_warns_once_at_each_threshold() -> None:
    daily = daily_usage()
    with capture_logs() as lines:
        count(daily, 12)
    assert [(line["event"], line["queries"], line["site"]) for line in lines] == [
        ("cap-80-percent", 8, "harbour"),
        ("cap-reached", 10, "harbour"),
    ]


def test_warning_contains_the_hour_of_the_forecast() -> None:
    daily = daily_usage(DailyCap(queries=100))
    with capture_logs() as lines:
        count(daily, 80)
    (line,) = lines
    assert line["reached_in_hour"] == "2026-07-01T13:00:00+10:00"  # 12:00 and 100 minutes


@pytest.mark.parametrize(
    ("step", "text"), [(timedelta(seconds=1), "not known yet"), (timedelta(minutes=9), "not today")]
)
def test_warning_distinguishes_an_unknown_rate_from_a_slow_rate(step: timedelta, text: str) -> None:
    daily = daily_usage(DailyCap(queries=100))
    with capture_logs() as lines:
        count(daily, 80, step=step)
    assert [line["reached_in_hour"] for line in lines] == [text]


def test_forecast_uses_the_rate_of_the_last_hour() -> None:
    daily = daily_usage(DailyCap(queries=700))
    last = count(daily, 300, step=timedelta(seconds=10))  # 50 minutes at 6 a minute
    later = count(daily, 70, start=last + MINUTE)  # then 70 minutes at 1 a minute
    (status,) = daily.cap_statuses(later)
    assert status.usage.queries == 370
    assert status.reached_in_hour is not None
    assert status.reached_in_hour.isoformat() == "2026-07-01T19:00:00+10:00"  # 14:00 and 330 minutes


TODAY = (GUID, "2026-07-01")


def test_usage_of_earlier_processes_counts_today() -> None:
    daily = daily_usage()
    daily.update_from_ledger({TODAY: (9, 90), (GUID, "2026-06-30"): (50, 50)}, NOW)
    assert not daily.rejects_batch(BATCH, NOW)
    with capture_logs():
        count(daily, 1)
    assert daily.rejects_batch(BATCH, NOW)
    (status,) = daily.cap_statuses(NOW)
    assert (status.usage.queries, status.usage.octets) == (10, 100)


def test_restart_after_a_reached_cap_rejects_batch_without_warning() -> None:
    daily = daily_usage()
    with capture_logs() as lines:
        daily.update_from_ledger({TODAY: (10, 0)}, NOW)
        assert daily.rejects_batch(BATCH, NOW)
        count(daily, 1)
    assert lines == []


def test_usage_of_other_replicas_adds_up_and_is_logged() -> None:
    daily = daily_usage()
    with capture_logs() as lines:
        count(daily, 3)
        for other_queries in (2, 5, 5, 7):
            daily.update_from_ledger({TODAY: (other_queries, other_queries)}, NOW)
    assert [(line["event"], line["queries"]) for line in lines] == [
        ("cap-80-percent", 8),
        ("cap-reached", 10),
    ]
    assert daily.rejects_batch(BATCH, NOW)
    (status,) = daily.cap_statuses(NOW)
    assert (status.usage.queries, status.usage.octets) == (10, 37)


def test_idle_replica_has_status_of_sites_of_other_replicas() -> None:
    daily = DailyUsage(lambda _: CAP, {GUID: SITE}.get)
    daily.update_from_ledger({TODAY: (4, 40), ("unknown", "2026-07-01"): (1, 1)}, NOW)
    (status,) = daily.cap_statuses(NOW)
    assert (status.site, status.name, status.usage.queries) == (GUID, SITE.name, 4)


def test_usage_of_yesterday_does_not_count_today() -> None:
    daily = daily_usage()
    daily.update_from_ledger({TODAY: (10, 0)}, NOW)
    assert daily.rejects_batch(BATCH, NOW)
    tomorrow = NOW + timedelta(days=1)
    assert not daily.rejects_batch(BATCH, tomorrow)
    daily.update_from_ledger({TODAY: (11, 0), (GUID, "2026-07-02"): (1, 0)}, tomorrow)
    assert daily.cap_statuses(tomorrow)[0].usage.queries == 1


def test_several_queries_are_counted_at_once() -> None:
    daily = daily_usage()
    with capture_logs():
        daily.add(INTERACTIVE, CostClass.BILLED, 100, NOW, queries=10)
    assert daily.rejects_batch(BATCH, NOW)


def site(guid: str, *, unproved: bool = True) -> Attribution:
    return BATCH._replace(site=guid, name=guid, is_unproved_site=unproved)


def test_caps_of_unproved_sites_are_counted_apart() -> None:
    daily = daily_usage()
    with capture_logs():
        daily.add(site("a"), CostClass.BILLED, 0, NOW, queries=10)
    assert daily.rejects_batch(site("a"), NOW)
    assert not daily.rejects_batch(site("b"), NOW)
    assert daily.cap_statuses(NOW) == []


def test_site_keeps_its_usage_when_it_gets_a_name() -> None:
    daily = daily_usage()
    with capture_logs():
        daily.add(site("a"), CostClass.BILLED, 0, NOW, queries=9)
        daily.add(site("a", unproved=False), CostClass.BILLED, 0, NOW)
        daily.add(site("a"), CostClass.BILLED, 0, NOW)
    assert daily.rejects_batch(site("a", unproved=False), NOW)
    assert [(status.site, status.usage.queries) for status in daily.cap_statuses(NOW)] == [("a", 11)]


def test_made_up_sites_displace_no_usage_of_a_named_site() -> None:
    daily = daily_usage(DailyCap(queries=2, rejects_batch=True))
    named = site("named", unproved=False)
    with capture_logs():
        daily.add(named, CostClass.BILLED, 0, NOW, queries=2)
        for number in range(11_000):
            daily.add(site(str(number)), CostClass.BILLED, 0, NOW)
    assert daily.rejects_batch(named, NOW)
    assert len(daily.cap_statuses(NOW)) == 1


def test_shared_line_of_unproved_sites_is_no_site() -> None:
    daily = DailyUsage(lambda _: CAP, lambda guid: Site(guid, SITE.zone, guid))
    daily.update_from_ledger({("unproved", "2026-07-01"): (50, 0), (GUID, "2026-07-01"): (1, 0)}, NOW)
    assert [status.site for status in daily.cap_statuses(NOW)] == [GUID]
    assert daily.has_ledger_line(GUID)
    assert not daily.has_ledger_line("unproved")


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=900)])
def test_clock_that_was_ahead_keeps_usage_of_each_day(jump: timedelta) -> None:
    daily = daily_usage()
    with capture_logs():
        count(daily, 6)
        count(daily, 2, start=NOW + jump)
        count(daily, 3)
        assert daily.cap_statuses(NOW)[0].usage.queries == 9
        assert not daily.rejects_batch(BATCH, NOW)
        count(daily, 1)
    assert daily.rejects_batch(BATCH, NOW)
    assert not daily.rejects_batch(BATCH, NOW + jump)
    assert daily.cap_statuses(NOW + jump)[0].usage.queries == 2
    assert daily.rejects_batch(BATCH, NOW)


def test_status_is_that_of_the_day_of_its_time() -> None:
    daily = daily_usage()
    count(daily, 6)
    count(daily, 2, start=NOW + timedelta(days=1))
    assert [status.usage.queries for status in daily.cap_statuses(NOW)] == [6]
    assert daily.cap_statuses(NOW - timedelta(days=1)) == []


def test_clock_that_was_ahead_twice_keeps_usage_of_the_day() -> None:
    daily = daily_usage()
    for days in (0, 1, 2, 0):
        count(daily, 3, start=NOW + timedelta(days=days))
    assert [status.usage.queries for status in daily.cap_statuses(NOW)] == [6]


def test_site_has_at_most_four_days_in_memory() -> None:
    daily = daily_usage()
    for days in range(9):
        count(daily, 1, start=NOW + timedelta(days=days))
    in_memory = [bool(daily.cap_statuses(NOW + timedelta(days=days))) for days in range(9)]
    assert in_memory == [False] * 5 + [True] * 4


def test_forecast_leaves_out_what_a_clock_ahead_measured() -> None:
    daily = daily_usage(DailyCap(queries=100))
    daily.add(INTERACTIVE, CostClass.BILLED, 10, NOW + timedelta(hours=6))
    last = count(daily, 60)
    (status,) = daily.cap_statuses(last)
    assert status.reached_in_hour is not None
