"""Rules of budgets."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from support.requests import fhir_request

from gateway.exchange import FhirRequest
from gateway.fhir.interaction import Interaction
from gateway.ledger.budgets import (
    BudgetKey,
    BudgetName,
    BudgetNotice,
    BudgetStatus,
    budget_refusal,
    earliest_day,
    may_be_refused,
    period_of,
    reset_time,
    used_amount,
)

SYDNEY = ZoneInfo("Australia/Sydney")
#: Wednesday noon in Sydney.
NOW = datetime(2026, 7, 1, 2, tzinfo=UTC)


def status(used: int, limit: int = 10, resets_at: datetime = NOW) -> BudgetStatus:
    return BudgetStatus(
        BudgetKey("board", "queries_per_day", "2026-07-01"), used, limit, is_hard=True, resets_at=resets_at
    )


@pytest.mark.parametrize(
    ("budget", "period", "amount"),
    [
        ("queries_per_day", "2026-07-01", 3),
        ("queries_per_month", "2026-07", 3),
        ("bytes_per_day", "2026-07-01", 900),
        ("bytes_per_month", "2026-07", 900),
    ],
)
def test_budget_has_a_period_and_an_amount(budget: BudgetName, period: str, amount: int) -> None:
    assert (period_of(budget, "2026-07-01"), used_amount(budget, (3, 900))) == (period, amount)


@pytest.mark.parametrize(
    ("used", "limit", "thresholds"),
    [
        (0, 10, []),
        (4, 10, []),
        (5, 10, [50]),
        (7, 10, [50]),
        (8, 10, [50, 80]),
        (10, 10, [50, 80, 100]),
        (99, 10, [50, 80, 100]),
        (499_999_999_999_999, 10**15, []),
        (1, 1, [50, 80, 100]),
    ],
)
def test_thresholds_are_reached_exactly(used: int, limit: int, thresholds: list[int]) -> None:
    assert status(used, limit).thresholds == thresholds


@pytest.mark.parametrize(
    ("budget", "now", "reset"),
    [
        ("queries_per_day", NOW, datetime(2026, 7, 2, tzinfo=SYDNEY)),
        ("bytes_per_month", NOW, datetime(2026, 8, 1, tzinfo=SYDNEY)),
        ("bytes_per_month", datetime(2026, 1, 30, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=SYDNEY)),
        ("bytes_per_month", datetime(2026, 1, 31, 13, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=SYDNEY)),
        ("queries_per_month", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=SYDNEY)),
        # the clocks are set back on this day, so that it has 25 hours
        ("queries_per_day", datetime(2026, 4, 4, 14, tzinfo=UTC), datetime(2026, 4, 6, tzinfo=SYDNEY)),
    ],
)
def test_budget_begins_anew_at_midnight_of_the_practice(
    budget: BudgetName, now: datetime, reset: datetime
) -> None:
    assert reset_time(budget, now, SYDNEY) == reset.astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "day"),
    [(NOW, "2026-06-01"), (datetime(2026, 7, 2, tzinfo=UTC), "2026-07-01")],
)
def test_earliest_day_is_in_the_first_month_of_any_zone(now: datetime, day: str) -> None:
    assert earliest_day(now) == day


CREATE = FhirRequest("POST", Interaction("create", "Patient"), "Patient", "", "", app="board")
OPERATION = FhirRequest("POST", Interaction("operation"), "$x", "", "", app="board")


@pytest.mark.parametrize(
    ("request_", "is_refusable"),
    [
        (fhir_request().replace(app="board"), True),
        (fhir_request().replace(app="other"), True),
        (fhir_request(), False),
        (CREATE, False),
        (OPERATION, False),
    ],
)
def test_only_reads_of_apps_may_be_refused(request_: FhirRequest, *, is_refusable: bool) -> None:
    assert may_be_refused(request_) is is_refusable


def test_refusal_names_the_app_the_budget_and_the_reset() -> None:
    failure = budget_refusal(status(10, resets_at=datetime(2026, 7, 1, 14, tzinfo=UTC)), NOW, SYDNEY)
    assert (failure.kind.status, failure.kind.code, failure.retry_after) == (429, "app-budget-used", 43_200)
    assert not failure.kind.may_have_run
    for part in ("The app board", "queries_per_day", "2026-07-02T00:00+10:00", "query was not sent"):
        assert part in failure.text
    assert "earlier ones may have been sent" in failure.text


def test_retry_after_is_at_most_a_day() -> None:
    assert (
        budget_refusal(status(10, resets_at=datetime(2026, 8, 1, tzinfo=UTC)), NOW, UTC).retry_after == 86_400
    )


def test_name_of_a_notice_has_period_and_percent() -> None:
    assert BudgetNotice(status(5), 50).name == "board/queries_per_day/2026-07-01/50"
