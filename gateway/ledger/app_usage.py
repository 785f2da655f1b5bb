"""Usage of each app with a budget, in memory: for refusals, metrics and notices.

It contains the queries of this process at once, and those of other processes after a read of the ledger.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from threading import Lock
from typing import Final

import structlog

from gateway.ledger.budgets import (
    AppBudget,
    BudgetKey,
    BudgetName,
    BudgetNotice,
    BudgetStatus,
    earliest_day,
    month_of,
    period_of,
    reset_time,
    used_amount,
)
from gateway.ledger.caps import KEPT_DAYS, KEPT_MONTHS
from gateway.ledger.cost import Attribution, CostClass, counts_against_cap
from gateway.ledger.counts import AppUsageByDay

_log = structlog.get_logger()
#: App and period -> queries, bytes.
_Usage = dict[tuple[str, str], tuple[int, int]]
_NONE: Final = (0, 0)
#: Seconds that the end of the process waits for a notice that is being claimed.
_STOP_SECONDS: Final = 0.5


class AppUsage:
    """Usage by app and period, of all processes that share a ledger; apps without budget are left out.

    `zone`: of the practices, for the day of a report that belongs to no request. For use by any thread.
    """

    def __init__(self, budgets: Mapping[str, AppBudget], zone: tzinfo = UTC) -> None:
        self._budgets = {app: budget for app, budget in budgets.items() if budget.limits}
        self._zone = zone
        self._own_usage: _Usage = {}
        self._other_usage: _Usage = {}
        self._zones_to_check: dict[str, set[tzinfo]] = {app: {zone} for app in self._budgets}
        self._claimed: set[str] = set()
        self._has_stopped = False
        self._lock, self._notice_lock = Lock(), Lock()

    @property
    def has_budgets(self) -> bool:
        """Whether any app has a budget."""
        return bool(self._budgets)

    def add(
        self, attribution: Attribution, cost: CostClass, octets: int, now: datetime, queries: int = 1
    ) -> None:
        """Count billable queries of proved callers."""
        app = attribution.app
        if app not in self._budgets or not counts_against_cap(attribution.caller, cost):
            return
        day = _day_at(now, attribution.zone)
        with self._lock:
            for period in (day, month_of(day)):
                self._own_usage[app, period] = _sum(self._own_usage.get((app, period)), (queries, octets))
            self._zones_to_check[app].add(attribution.zone)

    def update_from_ledger(self, other_usage: AppUsageByDay, now: datetime) -> None:
        """Set the usage of other and earlier processes, by app and day."""
        usage: _Usage = {}
        for (app, day), amounts in other_usage.items():
            for period in (day, month_of(day)) if app in self._budgets else ():
                usage[app, period] = _sum(usage.get((app, period)), amounts)
        first_month = month_of(earliest_day(now))
        with self._lock:
            self._other_usage = usage
            kept = _kept_periods({period for _, period in self._own_usage}, first_month)
            self._own_usage = {key: own for key, own in self._own_usage.items() if key[1] in kept}
            for app, _ in usage:
                self._zones_to_check[app].add(self._zone)

    def used_budget(self, attribution: Attribution, now: datetime) -> BudgetStatus | None:
        """Return the used hard budget of an app that begins anew last; None if it may go on."""
        budget = self._budgets.get(attribution.app)
        if budget is None or not budget.is_hard:
            return None
        day = _day_at(now, attribution.zone)
        used_up = [
            self._status_of(attribution.app, name, now, attribution.zone)
            for name, limit in budget.limits.items()
            if self._amount_of(attribution.app, name, day) >= limit
        ]
        return max(used_up, key=lambda status: status.resets_at, default=None)

    def statuses(self, now: datetime) -> list[BudgetStatus]:
        """Use of all budgets today and this month."""
        return [status for app in self._budgets for status in self._statuses_of(app, now, self._zone)]

    def announce_due(
        self, now: datetime, claim: Callable[[str], bool], announce: Callable[[BudgetNotice], None]
    ) -> None:
        """Log and announce the notices that are due and that no process has given before.

        `claim`: as that of the ledger's backend, whose errors are raised; the next call then tries again.
        """
        with self._notice_lock:
            for app in () if self._has_stopped else self._budgets:
                zones = self._take_zones(app)
                try:
                    self._announce_in_zones(app, now, zones, claim, announce)
                except Exception:
                    self._zones_to_check[app] |= zones
                    raise

    def stop_notices(self) -> None:
        """Give no more notices: the process ends, and another one gives them."""
        can_wait = self._notice_lock.acquire(timeout=_STOP_SECONDS)
        self._has_stopped = True
        if can_wait:
            self._notice_lock.release()

    def _take_zones(self, app: str) -> set[tzinfo]:
        with self._lock:
            zones, self._zones_to_check[app] = self._zones_to_check[app], set()
        return zones

    def _announce_in_zones(
        self,
        app: str,
        now: datetime,
        zones: set[tzinfo],
        claim: Callable[[str], bool],
        announce: Callable[[BudgetNotice], None],
    ) -> None:
        due = (
            BudgetNotice(status, percent)
            for zone in zones
            for status in self._statuses_of(app, now, zone)
            for percent in status.thresholds
        )
        for notice in due:
            if notice.name not in self._claimed and not self._has_stopped:
                is_first = claim(notice.name)
                self._claimed.add(notice.name)
                if is_first:
                    _log_notice(notice)
                    announce(notice)

    def _statuses_of(self, app: str, now: datetime, zone: tzinfo) -> list[BudgetStatus]:
        return [self._status_of(app, name, now, zone) for name in self._budgets[app].limits]

    def _status_of(self, app: str, name: BudgetName, now: datetime, zone: tzinfo) -> BudgetStatus:
        budget, day = self._budgets[app], _day_at(now, zone)
        return BudgetStatus(
            BudgetKey(app, name, period_of(name, day)),
            self._amount_of(app, name, day),
            budget.limits[name],
            budget.is_hard,
            reset_time(name, now, zone),
        )

    def _amount_of(self, app: str, name: BudgetName, day: str) -> int:
        key = app, period_of(name, day)
        with self._lock:
            usage = _sum(self._own_usage.get(key), self._other_usage.get(key, _NONE))
        return used_amount(name, usage)


def _log_notice(notice: BudgetNotice) -> None:
    app, budget, period = notice.status.key
    _log.warning(
        "app-budget",
        app=app,
        budget=budget,
        percent=notice.percent,
        used=notice.status.used,
        limit=notice.status.limit,
        period=period,
    )


def _kept_periods(periods: set[str], first_month: str) -> set[str]:
    """Return the periods since a month, and the last ones: to them a clock that was ahead goes back."""
    months = sorted(period for period in periods if period == month_of(period))
    days = sorted(periods.difference(months))
    since = {period for period in periods if period >= first_month}
    return since.union(days[-KEPT_DAYS:], months[-KEPT_MONTHS:])


def _day_at(now: datetime, zone: tzinfo) -> str:
    return now.astimezone(zone).date().isoformat()


def _sum(first: tuple[int, int] | None, second: tuple[int, int]) -> tuple[int, int]:
    return (first[0] + second[0], first[1] + second[1]) if first else second
