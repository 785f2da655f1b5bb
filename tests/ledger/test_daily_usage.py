from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs
from support.requests import GUID, NOW, SITE

from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import Attribution, CostClass
from gateway.ledger.daily_usage import DailyUsage

INTERACTIVE = Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")
BATCH = INTERACTIVE._replace(is_batch=True)
CAP = DailyCap(queries=10, octets=1_000, rejects_batch=True)
MINUTE = timedelta(minutes=1)


def use(cap: DailyCap | None = CAP) -> DailyUsage:
    return DailyUsage(lambda _: cap)


def paid(daily: DailyUsage, times: int, *, start: datetime = NOW, step: timedelta = MINUTE) -> datetime:
    """Count so many queries, one each step; the time of the last."""
    for number in range(times):
        daily.add(INTERACTIVE, CostClass.BILLED, 10, start + number * step)
    return start + (times - 1) * step


def test_batch_work_stops_when_the_cap_is_used_up_and_interactive_work_goes_on() -> None:
    daily = use()
    with capture_logs():
        paid(daily, 9)
        assert not daily.rejects_batch(BATCH, NOW)
        paid(daily, 1)
    assert daily.rejects_batch(BATCH, NOW)
    assert not daily.rejects_batch(INTERACTIVE, NOW)


def test_bytes_stop_as_queries_do() -> None:
    daily = use()
    with capture_logs():
        daily.add(INTERACTIVE, CostClass.MAYBE_BILLED, 1_000, NOW)
    assert daily.rejects_batch(BATCH, NOW)


@pytest.mark.parametrize("cap", [None, DailyCap(queries=10, octets=1_000), DailyCap(rejects_batch=True)])
def test_nothing_stops_unless_it_is_set(cap: DailyCap | None) -> None:
    daily = use(cap)
    with capture_logs():
        paid(daily, 20)
    assert not daily.rejects_batch(BATCH, NOW)


def test_what_costs_nothing_uses_up_nothing() -> None:
    daily = use()
    for cost in set(CostClass) - {CostClass.BILLED, CostClass.MAYBE_BILLED}:
        daily.add(INTERACTIVE, cost, 10_000, NOW)
    assert daily.cap_statuses(NOW) == []


def test_a_new_day_starts_at_the_sites_midnight() -> None:
    daily = use()
    with capture_logs():
        paid(daily, 10)
    assert daily.rejects_batch(BATCH, datetime.fromisoformat("2026-07-01T13:59:59Z"))
    assert not daily.rejects_batch(BATCH, datetime.fromisoformat("2026-07-01T14:00:00Z"))


def test_the_log_warns_once_at_80_per_cent_and_once_at_the_cap() -> None:
    daily = use()
    with capture_logs() as lines:
        paid(daily, 12)
    assert [(each["event"], each["queries"], each["site"]) for each in lines] == [
        ("cap-80-percent", 8, "harbour"),
        ("cap-reached", 10, "harbour"),
    ]


def test_the_warning_names_the_hour_in_which_the_cap_will_be_reached() -> None:
    daily = use(DailyCap(queries=100))
    with capture_logs() as lines:
        paid(daily, 80)
    (line,) = lines
    assert line["reached_in_hour"] == "2026-07-01T13:00:00+10:00"  # 12:00 and 100 minutes


@pytest.mark.parametrize(
    ("step", "said"), [(timedelta(seconds=1), "not known yet"), (timedelta(minutes=9), "not today")]
)
def test_a_pace_that_is_not_known_yet_is_not_taken_for_a_slow_one(step: timedelta, said: str) -> None:
    daily = use(DailyCap(queries=100))
    with capture_logs() as lines:
        paid(daily, 80, step=step)
    assert [each["reached_in_hour"] for each in lines] == [said]


def test_the_pace_is_that_of_the_last_hour() -> None:
    daily = use(DailyCap(queries=700))
    last = paid(daily, 300, step=timedelta(seconds=10))  # 50 minutes at 6 a minute
    later = paid(daily, 70, start=last + MINUTE)  # then 70 minutes at 1 a minute
    (standing,) = daily.cap_statuses(later)
    assert standing.usage.queries == 370
    assert standing.reached_in_hour is not None
    assert standing.reached_in_hour.isoformat() == "2026-07-01T19:00:00+10:00"  # 14:00 and 330 minutes


TODAY = (GUID, "2026-07-01")


def test_what_earlier_processes_paid_today_counts_beside_what_this_one_pays() -> None:
    daily = use()
    daily.update_from_ledger({TODAY: (9, 90), (GUID, "2026-06-30"): (50, 50)}, NOW)
    assert not daily.rejects_batch(BATCH, NOW)
    with capture_logs():
        paid(daily, 1)
    assert daily.rejects_batch(BATCH, NOW)
    (standing,) = daily.cap_statuses(NOW)
    assert (standing.usage.queries, standing.usage.octets) == (10, 100)


def test_a_restart_behind_a_used_up_cap_stops_batch_at_once_and_warns_no_second_time() -> None:
    daily = use()
    with capture_logs() as lines:
        daily.update_from_ledger({TODAY: (10, 0)}, NOW)
        assert daily.rejects_batch(BATCH, NOW)
        paid(daily, 1)
    assert lines == []


def test_what_other_replicas_pay_meanwhile_is_added_up_and_warned_of() -> None:
    daily = use()
    with capture_logs() as lines:
        paid(daily, 3)
        for others in (2, 5, 5, 7):
            daily.update_from_ledger({TODAY: (others, others)}, NOW)
    assert [(each["event"], each["queries"]) for each in lines] == [
        ("cap-80-percent", 8),
        ("cap-reached", 10),
    ]
    assert daily.rejects_batch(BATCH, NOW)
    (standing,) = daily.cap_statuses(NOW)
    assert (standing.usage.queries, standing.usage.octets) == (10, 37)


def test_a_replica_nobody_asks_knows_of_the_sites_that_others_ask() -> None:
    daily = DailyUsage(lambda _: CAP, {GUID: SITE}.get)
    daily.update_from_ledger({TODAY: (4, 40), ("unknown", "2026-07-01"): (1, 1)}, NOW)
    (standing,) = daily.cap_statuses(NOW)
    assert (standing.site, standing.name, standing.usage.queries) == (GUID, SITE.name, 4)


def test_what_others_paid_yesterday_does_not_count_today() -> None:
    daily = use()
    daily.update_from_ledger({TODAY: (10, 0)}, NOW)
    assert daily.rejects_batch(BATCH, NOW)
    tomorrow = NOW + timedelta(days=1)
    assert not daily.rejects_batch(BATCH, tomorrow)
    daily.update_from_ledger({TODAY: (11, 0), (GUID, "2026-07-02"): (1, 0)}, tomorrow)
    assert daily.cap_statuses(tomorrow)[0].usage.queries == 1


def test_several_at_once_are_so_many() -> None:
    daily = use()
    with capture_logs():
        daily.add(INTERACTIVE, CostClass.BILLED, 100, NOW, queries=10)
    assert daily.rejects_batch(BATCH, NOW)
