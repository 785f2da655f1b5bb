"""Endpoint `/admin/ledger`: billed and saved queries, as JSON or CSV."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.admin.endpoints import EndpointTable
from gateway.admin.requests import NO_STORE_HEADERS, SiteNames, bad_request, json_response, query_parameters
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.ledger.caps import used_ratio
from gateway.ledger.cost import LedgerRow
from gateway.ledger.daily_usage import CapStatus
from gateway.ledger.report import as_csv, as_json

_REPORT_FORMATS = ("json", "csv")
ReadRows = Callable[[str, str], list[LedgerRow]]


@dataclass(frozen=True, slots=True)
class LedgerEndpoints:
    """Endpoint of the ledger; `read_rows` reads it by site GUID and first ISO day, empty for all."""

    read_rows: ReadRows
    cap_statuses: Callable[[], list[CapStatus]]
    site_names: SiteNames
    now: Callable[[], datetime]

    def endpoints(self) -> EndpointTable:
        """Endpoints by method and path."""
        return {("GET", "/admin/ledger"): self.get_ledger}

    async def get_ledger(self, request: Request) -> Response:
        """Return the rows of a site since a day. Raises Failure 400 or 503."""
        site, since, format_ = _report_options(request)
        rows = await run_in_threadpool(_read_rows, self.read_rows, self.site_names.guid_of(site), since)
        aliases = self.site_names.aliases
        if format_ == "csv":
            return PlainTextResponse(as_csv(rows, aliases), headers=NO_STORE_HEADERS, media_type="text/csv")
        now = self.now()
        statuses = (status for status in self.cap_statuses() if site in {"", status.site, status.name})
        caps = list(map(_cap_status_json, statuses))
        return json_response({**as_json(rows, aliases, now), "caps": caps}, now)


def _read_rows(read_rows: ReadRows, guid: str, since: str) -> list[LedgerRow]:
    """Read the ledger's rows. Raises Failure 503 if disk or Redis are unavailable."""
    try:
        return read_rows(guid, since)
    except (ConnectionError, sqlite3.Error):
        text = "The ledger is unavailable; /readyz gives the reason. Retry after the time in Retry-After."
        raise Failure(catalog.GATEWAY_OVERLOADED, text=text) from None


def _report_options(request: Request) -> tuple[str, str, str]:
    """Parse site, since and format. Raises Failure 400."""
    parameters = query_parameters(request, ("site", "since", "format"))
    since, format_ = parameters.get("since", ""), parameters.get("format", "json")
    if format_ not in _REPORT_FORMATS:
        raise bad_request("format must be json or csv.", "http.format")
    with suppress(ValueError):
        return parameters.get("site", ""), since and date.fromisoformat(since).isoformat(), format_
    raise bad_request("since must be a date like 2026-07-01.", "http.since")


def _cap_status_json(status: CapStatus) -> dict[str, Any]:
    return {
        "site": status.site,
        "name": status.name,
        "queries": {"used": status.usage.queries, "cap": status.cap.queries},
        "bytes": {"used": status.usage.octets, "cap": status.cap.octets},
        "usedRatio": round(used_ratio(status.cap, status.usage), 4),
        "rejectsBatch": status.cap.rejects_batch,
        "reachedInHour": status.reached_in_hour.isoformat() if status.reached_in_hour else None,
    }
