"""Endpoint `/admin/today`: use, cost, savings and forecast of the current day."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.endpoints import EndpointTable
from gateway.admin.ledger import (
    NO_APP_REPORTS,
    AppReports,
    budget_json,
    cap_status_json,
    ledger_failure,
)
from gateway.admin.requests import json_response, query_parameters
from gateway.ledger.caps import used_ratio
from gateway.ledger.daily_usage import CapStatus
from gateway.ledger.day_report import day_report, day_time
from gateway.ledger.day_sums import DaySums

#: Maximum number of practices with caps in the report, those closest to their limit.
MAX_CAPS: Final = 100


@dataclass(frozen=True, slots=True)
class DaySource:
    """Sums of an ISO day, and the time zone whose midnight begins a day; for any thread."""

    read_sums: Callable[[str], DaySums] = lambda _: DaySums({}, {})
    zone: tzinfo = UTC


NO_DAY_SOURCE = DaySource()


@dataclass(frozen=True, slots=True)
class TodayEndpoints:
    """Endpoint of the current day; `count_waiting` counts what waits in memory first."""

    source: DaySource
    cap_statuses: Callable[[], list[CapStatus]]
    now: Callable[[], datetime]
    apps: AppReports = NO_APP_REPORTS
    count_waiting: Callable[[], None] = lambda: None

    def endpoints(self) -> EndpointTable:
        """Endpoints by method and path."""
        return {("GET", "/admin/today"): self.get_today}

    async def get_today(self, request: Request) -> Response:
        """Return the day's totals, forecast, callers, apps, caps and budgets. Raises Failure 400 or 503."""
        query_parameters(request, ())
        self.count_waiting()
        now = self.now()
        time = day_time(now, self.source.zone)
        sums = await run_in_threadpool(self._read_sums, time.day)
        budgets = list(map(budget_json, self.apps.budget_statuses(now)))
        report = {**day_report(sums, self.apps.prices, time), **self._caps(), "budgets": budgets}
        return json_response({"timeZone": str(self.source.zone), **report}, now)

    def _read_sums(self, day: str) -> DaySums:
        """Read the ledger. Raises Failure 503 if disk or Redis are unavailable."""
        try:
            return self.source.read_sums(day)
        except (ConnectionError, sqlite3.Error) as error:
            raise ledger_failure(error) from None

    def _caps(self) -> dict[str, Any]:
        statuses = sorted(self.cap_statuses(), key=lambda each: -used_ratio(each.cap, each.usage))
        return {"caps": list(map(cap_status_json, statuses[:MAX_CAPS])), "practicesWithCaps": len(statuses)}
