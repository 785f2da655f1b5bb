"""Endpoints `/admin/failures` and `/admin/history`: the latest failures, and the last hours."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.endpoints import EndpointTable
from gateway.admin.requests import SiteNames, json_response, query_parameters, utc_timestamp
from gateway.ledger.history import INTERVAL_SECONDS, History, Interval
from gateway.ledger.recent_failures import RecentFailure, RecentFailures
from gateway.sites.mounted_names import guid_in


@dataclass(frozen=True, slots=True)
class ActivityEndpoints:
    """Endpoints of what happened lately; `count_waiting` counts what waits in memory first."""

    history: History
    recent_failures: RecentFailures
    site_names: SiteNames
    now: Callable[[], datetime]
    count_waiting: Callable[[], None] = lambda: None

    def endpoints(self) -> EndpointTable:
        """Endpoints by method and path."""
        return {
            ("GET", "/admin/failures"): self.get_failures,
            ("GET", "/admin/history"): self.get_history,
        }

    async def get_failures(self, request: Request) -> Response:
        """Return the latest failure of each code, the latest first. Raises Failure 400."""
        query_parameters(request, ())
        failures = list(map(_failure_json, self.recent_failures.latest_first()))
        return json_response({"failures": failures}, self.now())

    async def get_history(self, request: Request) -> Response:
        """Return the last hours of a site, or of all sites together. Raises Failure 400."""
        site = query_parameters(request, ("site",)).get("site", "")
        guid = guid_in(await self.site_names.require_known(site)) if site else ""
        self.count_waiting()
        now = self.now()
        intervals = list(map(_interval_json, self.history.intervals(guid, now.timestamp())))
        fields = {"site": guid or None, "intervalSeconds": INTERVAL_SECONDS, "intervals": intervals}
        return json_response(fields, now)


def _failure_json(failure: RecentFailure) -> dict[str, Any]:
    kind = failure.kind
    return {
        "code": kind.code,
        "status": kind.status,
        "text": kind.text,
        "repeat": str(kind.retry_advice),
        "count": failure.count,
        "lastAt": utc_timestamp(failure.at),
        "lastSite": failure.site or None,
        "lastRequestId": failure.request_id or None,
    }


def _interval_json(interval: Interval) -> dict[str, Any]:
    return {**interval._asdict(), "start": utc_timestamp(interval.start)}
