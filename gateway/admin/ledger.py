"""Endpoint `/admin/ledger`: billed and saved queries, as JSON or CSV."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.admin.endpoints import EndpointTable
from gateway.admin.requests import NO_STORE_HEADERS, SiteNames, bad_request, json_response, query_parameters
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.ledger.app_report import PERIODS, apps_as_json, charge_back_csv
from gateway.ledger.budgets import BudgetStatus
from gateway.ledger.caps import used_ratio
from gateway.ledger.cost import LedgerRow
from gateway.ledger.daily_usage import CapStatus
from gateway.ledger.ledger import MAX_READS
from gateway.ledger.prices import NO_PRICES, Prices
from gateway.ledger.reader import MAX_ROWS, LedgerEndsError, TooManyRowsError
from gateway.ledger.report import as_csv, as_json
from gateway.own_thread import run_in_own_thread
from gateway.sites.mounted_names import guid_in
from gateway.web.errors import shutdown_failure

ReadRows = Callable[[str, str], list[LedgerRow]]
#: Permitted values of the parameters of a report; the first is the default.
_VALUES = {"format": ("json", "csv"), "by": ("", "app"), "period": PERIODS}


class ReportOptions(NamedTuple):
    """Parameters of a report: site as the operator wrote it, first ISO day, and its form."""

    site: str
    since: str
    format: str
    by: str
    period: str


@dataclass(frozen=True, slots=True)
class AppReports:
    """Source of the reports by app: rows split by app, prices, and the use of budgets."""

    read_rows: ReadRows = lambda _site, _since: []
    prices: Prices = NO_PRICES
    budget_statuses: Callable[[datetime], list[BudgetStatus]] = lambda _: []


NO_APP_REPORTS = AppReports()


@dataclass(frozen=True, slots=True)
class LedgerEndpoints:
    """Endpoint of the ledger; `read_rows` reads it by site GUID and first ISO day, empty for all.

    `count_waiting` counts what waits in memory first.
    """

    read_rows: ReadRows
    cap_statuses: Callable[[], list[CapStatus]]
    site_names: SiteNames
    now: Callable[[], datetime]
    apps: AppReports = NO_APP_REPORTS
    count_waiting: Callable[[], None] = lambda: None
    #: Reports at the same time; more wait.
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_READS))

    def endpoints(self) -> EndpointTable:
        """Endpoints by method and path."""
        return {("GET", "/admin/ledger"): self.get_ledger}

    async def get_ledger(self, request: Request) -> Response:
        """Return the rows of a site since a day. Raises Failure 400, such as for an unknown site, or 503.

        Rows of a practice stay when the configuration no longer names it.
        """
        options = _report_options(request)
        self.count_waiting()
        read_rows = self.apps.read_rows if options.by else self.read_rows
        guid = guid_in(self.site_names.require_key(options.site)) if options.site else ""
        async with self.places:
            rows = await run_in_threadpool(_read_rows, read_rows, guid, options.since)
            if guid and not rows:
                await self.site_names.require_known(guid)
            report = self._report_by_app(rows, options) if options.by else self._report(rows, options, guid)
            return await run_in_own_thread(report)

    def _report(self, rows: list[LedgerRow], options: ReportOptions, guid: str) -> Callable[[], Response]:
        """Return what makes the response, in any thread, as that takes seconds for many rows."""
        aliases, now = self.site_names.aliases, self.now()
        if options.format == "csv":
            return lambda: _csv_response(as_csv(rows, aliases))
        statuses = (status for status in self.cap_statuses() if guid in {"", status.site})
        caps = list(map(cap_status_json, statuses))
        return lambda: json_response({**as_json(rows, aliases, now), "caps": caps}, now)

    def _report_by_app(self, rows: list[LedgerRow], options: ReportOptions) -> Callable[[], Response]:
        aliases, now, prices = self.site_names.aliases, self.now(), self.apps.prices
        if options.format == "csv":
            return lambda: _csv_response(charge_back_csv(rows, aliases, prices, options.period))
        budgets = list(map(budget_json, self.apps.budget_statuses(now)))
        return lambda: json_response({**apps_as_json(rows, prices, now), "budgets": budgets}, now)


def _read_rows(read_rows: ReadRows, guid: str, since: str) -> list[LedgerRow]:
    """Read the ledger's rows. Raises Failure 503 if disk or Redis are unavailable, or 400 for too many."""
    try:
        return read_rows(guid, since)
    except TooManyRowsError:
        raise bad_request(_TOO_MANY_ROWS, "http.since") from None
    except (ConnectionError, sqlite3.Error) as error:
        raise ledger_failure(error) from None


_TOO_MANY_ROWS = (
    f"The report would have more than {MAX_ROWS:,} rows. Set since to a later day, or name a site; the"
    " command halo-gateway ledger reports any number."
)


def ledger_failure(error: Exception) -> Failure:
    """Failure 503 while disk or Redis are unavailable, or as the gateway shuts down."""
    if isinstance(error, LedgerEndsError):
        return shutdown_failure()
    text = "The ledger is unavailable; /readyz gives the reason. Retry after the time in Retry-After."
    return Failure(catalog.GATEWAY_OVERLOADED, text=text)


def _csv_response(content: str) -> Response:
    return PlainTextResponse(content, headers=NO_STORE_HEADERS, media_type="text/csv")


def _report_options(request: Request) -> ReportOptions:
    """Parse the parameters. Raises Failure 400."""
    parameters = query_parameters(request, ("site", "since", *_VALUES))
    since = parameters.get("since", "")
    values = {name: parameters.get(name, permitted[0]) for name, permitted in _VALUES.items()}
    for name, permitted in _VALUES.items():
        if values[name] not in permitted:
            raise bad_request(f"{name} must be {' or '.join(filter(None, permitted))}.", f"http.{name}")
    if values["period"] != PERIODS[0] and (values["by"], values["format"]) != ("app", "csv"):
        raise bad_request("period=month needs by=app and format=csv.", "http.period")
    with suppress(ValueError):
        day = since and datetime.strptime(since, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 - a day
        return ReportOptions(parameters.get("site", ""), day, **values)
    raise bad_request("since must be a date like 2026-07-01.", "http.since")


def budget_json(status: BudgetStatus) -> dict[str, Any]:
    """Return the use of a budget as a JSON object."""
    return {
        **status.key._asdict(),
        "used": status.used,
        "limit": status.limit,
        "usedRatio": round(status.ratio, 4),
        "hard": status.is_hard,
        "resetsAt": status.resets_at.isoformat(),
    }


def cap_status_json(status: CapStatus) -> dict[str, Any]:
    """Return today's usage of a practice with caps as a JSON object."""
    return {
        "site": status.site,
        "name": status.name,
        "queries": {"used": status.usage.queries, "cap": status.cap.queries},
        "bytes": {"used": status.usage.octets, "cap": status.cap.octets},
        "usedRatio": round(used_ratio(status.cap, status.usage), 4),
        "rejectsBatch": status.cap.rejects_batch,
        "reachedInHour": status.reached_in_hour.isoformat() if status.reached_in_hour else None,
    }
