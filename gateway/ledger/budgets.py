"""Budgets of apps: periods, thresholds, and the failure of a query beyond a hard budget.

A period is an ISO day or month of the practice's time zone, as in the rows of the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from math import ceil
from typing import Final, Literal, NamedTuple

from gateway.errors.catalog import APP_BUDGET_USED
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, may_write
from gateway.ledger.caps import next_midnight

#: Used percentages that are reported, each once in a period.
THRESHOLDS: Final = (50, 80, 100)
#: Longest Retry-After in seconds: clients that keep a longer one may lose it; at the end it is asked again.
_MAX_RETRY_AFTER: Final = 86_400

BudgetName = Literal["queries_per_day", "queries_per_month", "bytes_per_day", "bytes_per_month"]
#: Length of a period's ISO text, such as 2026-07-01 or 2026-07.
_DAY_LENGTH, _MONTH_LENGTH = 10, 7


class BudgetKey(NamedTuple):
    """A budget of an app in one period."""

    app: str
    budget: BudgetName
    period: str


class BudgetStatus(NamedTuple):
    """Use of a budget in a period that ends at `resets_at`."""

    key: BudgetKey
    used: int
    limit: int
    is_hard: bool
    resets_at: datetime

    @property
    def ratio(self) -> float:
        """Used share; above 1 if more was used."""
        return self.used / self.limit

    @property
    def thresholds(self) -> list[int]:
        """Reached thresholds, in percent."""
        return [percent for percent in THRESHOLDS if self.used * 100 >= self.limit * percent]


class BudgetNotice(NamedTuple):
    """A report that an app has used a percentage of a budget."""

    status: BudgetStatus
    percent: int

    @property
    def name(self) -> str:
        """Name of the notice, the same in all processes."""
        return "/".join((*self.status.key, str(self.percent)))


@dataclass(frozen=True, slots=True)
class AppBudget:
    """Limits of one app by budget; `is_hard`: queries beyond a limit are refused."""

    limits: Mapping[BudgetName, int]
    is_hard: bool = False


def period_of(budget: BudgetName, day: str) -> str:
    """Period of a budget that contains an ISO day."""
    return day[:_DAY_LENGTH] if budget.endswith("_day") else month_of(day)


def month_of(day: str) -> str:
    """Month of an ISO day, as `2026-07`; a month is its own."""
    return day[:_MONTH_LENGTH]


def used_amount(budget: BudgetName, usage: tuple[int, int]) -> int:
    """Return the queries or the bytes of a usage, whichever the budget limits."""
    queries, octets = usage
    return queries if budget.startswith("queries") else octets


def reset_time(budget: BudgetName, now: datetime, zone: tzinfo) -> datetime:
    """Time at which a budget begins anew, in UTC: midnight of the zone, or of the next month's first day."""
    if budget.endswith("_day"):
        return next_midnight(now, zone)
    first = now.astimezone(zone).date().replace(day=1)
    next_first = (first + timedelta(days=32)).replace(day=1)
    return datetime.combine(next_first, time(), zone).astimezone(UTC)


def earliest_day(now: datetime) -> str:
    """First ISO day of the month to which yesterday belongs in UTC: no zone's month begins earlier."""
    return (now - timedelta(days=1)).astimezone(UTC).date().replace(day=1).isoformat()


def may_be_refused(request: FhirRequest) -> bool:
    """Whether a budget may refuse a request that needs the practice: never one that may change data."""
    return bool(request.app) and not may_write(request)


def budget_refusal(status: BudgetStatus, now: datetime, zone: tzinfo) -> Failure:
    """Failure of a query beyond a hard budget; `zone` is the practice's."""
    app, budget, _ = status.key
    text = (
        f"The app {app} has used its budget {budget}. This query was not sent; if the request needs several,"
        " earlier ones may have been sent and billed. The budget begins anew at"
        f" {status.resets_at.astimezone(zone).isoformat(timespec='minutes')}. Reads from the cache and writes"
        f" go on. The operator of the gateway can raise apps.{app}.budget.{budget}. Retry after the time in"
        " Retry-After."
    )
    seconds = ceil((status.resets_at - now).total_seconds())
    return Failure(APP_BUDGET_USED, text=text, retry_after=min(seconds, _MAX_RETRY_AFTER))
