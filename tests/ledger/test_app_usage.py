"""Usage of apps with a budget."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs
from support.redis_server import redis_server
from support.requests import GUID
from support.stopwatch import Stopwatch

from gateway.http.proved_callers import UNPROVED
from gateway.ledger.app_usage import AppUsage
from gateway.ledger.budgets import AppBudget, BudgetNotice
from gateway.ledger.cost import Attribution, CostClass
from gateway.ledger.counts import LedgerBackend
from gateway.ledger.ledger import Ledger
from gateway.ledger.redis_ledger import RedisLedger
from gateway.ledger.sqlite_ledger import SqliteLedger

SYDNEY, PERTH = ZoneInfo("Australia/Sydney"), ZoneInfo("Australia/Perth")
#: Noon in Sydney.
NOW = datetime(2026, 7, 1, 2, tzinfo=UTC)
BOARD = Attribution(GUID, "harbour", SYDNEY, "c0ffee00", "Appointment", "search-type", app="board")
HARD = AppBudget({"queries_per_day": 2}, is_hard=True)


def usage_of(**budgets: AppBudget) -> AppUsage:
    return AppUsage(budgets, SYDNEY)


def add(usage: AppUsage, attribution: Attribution = BOARD, now: datetime = NOW, times: int = 1) -> None:
    usage.add(attribution, CostClass.BILLED, 100 * times, now, times)


def used(usage: AppUsage, now: datetime = NOW) -> list[int]:
    return [status.used for status in usage.statuses(now)]


def test_hard_budget_ends_queries_of_its_app_only() -> None:
    usage = usage_of(board=HARD, letters=HARD)
    add(usage)
    assert usage.used_budget(BOARD, NOW) is None
    add(usage)
    status = usage.used_budget(BOARD, NOW)
    assert status is not None
    assert (status.used, status.resets_at) == (2, datetime(2026, 7, 1, 14, tzinfo=UTC))
    for app in ("letters", "other", ""):
        assert usage.used_budget(BOARD._replace(app=app), NOW) is None


def test_soft_budget_ends_nothing() -> None:
    usage = usage_of(board=AppBudget({"queries_per_day": 1}))
    add(usage, times=5)
    assert usage.used_budget(BOARD, NOW) is None
    assert used(usage) == [5]


def test_day_begins_anew_at_midnight_and_the_month_goes_on() -> None:
    usage = usage_of(board=AppBudget({"queries_per_day": 2, "bytes_per_month": 300}, is_hard=True))
    add(usage, times=2)
    tomorrow = NOW + timedelta(hours=12)
    assert usage.used_budget(BOARD, tomorrow) is None
    add(usage, now=tomorrow)
    status = usage.used_budget(BOARD, tomorrow)
    assert status is not None
    assert status.key == ("board", "bytes_per_month", "2026-07")
    assert used(usage, tomorrow) == [1, 300]


def test_day_is_that_of_each_practice() -> None:
    usage, late = usage_of(board=HARD), datetime(2026, 7, 1, 15, tzinfo=UTC)
    perth = BOARD._replace(zone=PERTH)
    add(usage, now=late)
    add(usage, perth, late, 2)
    assert usage.used_budget(BOARD, late) is None
    assert usage.used_budget(perth, late) is not None


@pytest.mark.parametrize(
    ("attribution", "cost"),
    [
        (BOARD, CostClass.HIT),
        (BOARD, CostClass.FREE),
        (BOARD._replace(caller=UNPROVED), CostClass.BILLED),
        (BOARD._replace(app="other"), CostClass.BILLED),
        (BOARD._replace(app=""), CostClass.BILLED),
    ],
)
def test_only_billable_queries_of_proved_callers_count(attribution: Attribution, cost: CostClass) -> None:
    usage = usage_of(board=HARD)
    usage.add(attribution, cost, 100, NOW)
    assert used(usage) == [0]


def test_usage_of_other_processes_is_added() -> None:
    usage = usage_of(board=AppBudget({"queries_per_day": 10, "queries_per_month": 100}))
    add(usage)
    others = {
        ("board", "2026-07-01"): (3, 30),
        ("board", "2026-07-02"): (5, 50),
        ("gone", "2026-07-01"): (9, 9),
    }
    usage.update_from_ledger(others, NOW)
    usage.update_from_ledger(others, NOW)
    assert used(usage) == [4, 9]


def test_earlier_months_are_forgotten() -> None:
    usage = usage_of(board=AppBudget({"queries_per_day": 10}))
    for day in range(200):
        add(usage, now=NOW + timedelta(days=day))
        usage.update_from_ledger({}, NOW + timedelta(days=day))
    assert len(usage._own_usage) < 40


@pytest.mark.parametrize("days", [1, 31, 62, 900])
def test_clock_that_was_ahead_keeps_use_of_day_and_month(days: int) -> None:
    usage, ahead = usage_of(board=AppBudget({"queries_per_day": 10, "queries_per_month": 100})), NOW
    add(usage, times=5)
    for ahead in (NOW + timedelta(days=days), NOW + timedelta(days=days + 31)):
        add(usage, now=ahead)
        usage.update_from_ledger({}, ahead)
    usage.update_from_ledger({}, NOW)
    assert used(usage) == [5, 6 if days == 1 else 5]


@dataclass
class Case:
    """A process with an app and a budget: what it counts passes its ledger."""

    backend: LedgerBackend
    usage: AppUsage
    now: datetime = NOW
    notices: list[BudgetNotice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.backend, now=lambda: self.now)
        self.ledger.set_usage_listener(lambda _: None)
        self.ledger.follow_apps(
            lambda usage: self.usage.update_from_ledger(usage, self.now),
            lambda claim: self.usage.announce_due(self.now, claim, self.notices.append),
        )
        self.ledger.rows()

    def count(self, times: int = 1) -> list[str]:
        """Count queries; return the names of the notices so far."""
        self.usage.add(BOARD, CostClass.BILLED, 100 * times, self.now, times)
        self.ledger.add(BOARD.ledger_key(CostClass.BILLED, self.now), 100 * times, times)
        return self.announced()

    def announced(self) -> list[str]:
        with capture_logs() as self.lines:
            self.ledger.rows()
        return [f"{notice.status.key.period}/{notice.percent}" for notice in self.notices]


@pytest.fixture(params=["file", "redis"])
def new_case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Case]]:
    """Return a function that starts a process on one storage."""
    cases: list[Case] = []

    def start(open_backend: Callable[[], LedgerBackend], limit: int = 10) -> Case:
        cases.append(Case(open_backend(), usage_of(board=AppBudget({"queries_per_day": limit}))))
        return cases[-1]

    if request.param == "file":
        yield lambda limit=10: start(lambda: SqliteLedger(tmp_path / "ledger.sqlite3", 100_000), limit)
    else:
        with redis_server() as redis:
            yield lambda limit=10: start(lambda: RedisLedger(redis.url, timeout=5), limit)
            for case in cases:
                case.ledger.close()
            cases.clear()
    for case in cases:
        case.ledger.close()


def test_each_threshold_is_announced_once_over_all_processes(new_case: Callable[..., Case]) -> None:
    first, second = new_case(), new_case()
    assert first.count(4) == []
    assert second.count(1) == ["2026-07-01/50"]
    assert second.lines == [
        {
            "event": "app-budget",
            "log_level": "warning",
            "app": "board",
            "budget": "queries_per_day",
            "percent": 50,
            "used": 5,
            "limit": 10,
            "period": "2026-07-01",
        }
    ]
    assert first.announced() == []
    assert first.count(5) == ["2026-07-01/80", "2026-07-01/100"]
    assert second.count(1) == ["2026-07-01/50"]


def test_restart_announces_nothing_again(new_case: Callable[..., Case]) -> None:
    assert new_case().count(10) == ["2026-07-01/50", "2026-07-01/80", "2026-07-01/100"]
    restarted = new_case()
    assert restarted.announced() == []
    assert used(restarted.usage) == [10]
    assert restarted.count() == []


def test_next_day_is_announced_anew(new_case: Callable[..., Case]) -> None:
    case = new_case()
    case.count(5)
    case.now = NOW + timedelta(days=1)
    assert case.count(5) == ["2026-07-01/50", "2026-07-02/50"]


def test_end_of_the_process_leaves_notices_to_the_next(new_case: Callable[..., Case]) -> None:
    case, other = new_case(), new_case()
    case.usage.stop_notices()
    assert case.count(5) == []
    assert other.announced() == ["2026-07-01/50"]


def test_end_does_not_wait_for_a_slow_claim() -> None:
    usage, notices = usage_of(board=AppBudget({"queries_per_day": 1})), list[BudgetNotice]()
    is_claiming, answer = threading.Event(), threading.Event()

    def claim(_: str) -> bool:
        is_claiming.set()
        return answer.wait(20)

    add(usage)
    thread = threading.Thread(target=usage.announce_due, args=(NOW, claim, notices.append))
    thread.start()
    assert is_claiming.wait(20)
    with Stopwatch() as wait:
        usage.stop_notices()
    assert wait.seconds < 2
    answer.set()
    thread.join()
    assert len(notices) == 1  # of 50, 80 and 100 %: what is claimed must be given


def test_notice_is_tried_again_after_an_outage() -> None:
    usage, notices = usage_of(board=AppBudget({"queries_per_day": 1})), list[BudgetNotice]()
    answers: list[bool | Exception] = [True, ConnectionError(), True, True]

    def claim(_: str) -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    add(usage)
    with pytest.raises(ConnectionError):
        usage.announce_due(NOW, claim, notices.append)
    assert [notice.percent for notice in notices] == [50]
    usage.announce_due(NOW, claim, notices.append)
    assert [notice.percent for notice in notices] == [50, 80, 100]
