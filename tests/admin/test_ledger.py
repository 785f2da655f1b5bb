"""Endpoint of the ledger."""

import asyncio
import csv
import sqlite3
from decimal import Decimal
from io import StringIO
from time import sleep

import pytest
from support.operators import admin_response, issue
from support.requests import GUID, NOW

from gateway.admin.ledger import AppReports, LedgerEndpoints
from gateway.admin.requests import SiteNames
from gateway.ledger.budgets import BudgetKey, BudgetStatus
from gateway.ledger.caps import DailyCap, Usage
from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.daily_usage import CapStatus
from gateway.ledger.ledger import MAX_READS
from gateway.ledger.prices import Prices
from gateway.ledger.reader import LedgerEndsError, TooManyRowsError

pytestmark = pytest.mark.anyio

ROWS = [LedgerRow(LedgerKey("2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.BILLED), 3, 900)]
CAP_STATUS = CapStatus(GUID, "harbour", DailyCap(queries=100), Usage(NOW, 80, 900), NOW)


class Ledger:
    """A ledger that records the reports that are read."""

    def __init__(self) -> None:
        self.reads: list[tuple[str, str]] = []

    def rows(self, site: str, since: str) -> list[LedgerRow]:
        self.reads.append((site, since))
        return ROWS

    @property
    def endpoints(self) -> LedgerEndpoints:
        names = SiteNames({GUID: "harbour"}, halo_mounts={"mnt"})
        return LedgerEndpoints(self.rows, lambda: [CAP_STATUS], names, lambda: NOW)


async def test_ledger_is_json_with_totals_and_caps() -> None:
    response = await admin_response("GET", "/admin/ledger", [Ledger().endpoints])
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body["asOf"] == NOW.isoformat()
    assert body["totals"]["billed"] == {"queries": 3, "bytes": 900}
    assert body["caps"] == [
        {
            "site": GUID,
            "name": "harbour",
            "queries": {"used": 80, "cap": 100},
            "bytes": {"used": 900, "cap": None},
            "usedRatio": 0.8,
            "rejectsBatch": False,
            "reachedInHour": NOW.isoformat(),
        }
    ]


@pytest.mark.parametrize(
    ("query", "site", "since"),
    [
        ("", "", ""),
        (f"site={GUID}", GUID, ""),
        (f"site={GUID.upper()}", GUID, ""),
        ("site=harbour&since=2026-07-01", GUID, "2026-07-01"),
        ("site=mnt/harbour", GUID, ""),
    ],
)
async def test_report_is_limited_by_site_and_day(query: str, site: str, since: str) -> None:
    ledger = Ledger()
    assert (await admin_response("GET", f"/admin/ledger?{query}", [ledger.endpoints])).status_code == 200
    assert ledger.reads == [(site, since)]


async def test_caps_of_other_sites_are_omitted() -> None:
    other = "/admin/ledger?site=ffffffff-0000-4000-8000-00000000000a"
    assert (await admin_response("GET", other, [Ledger().endpoints])).json()["caps"] == []


@pytest.mark.parametrize(
    "query", ["site=elsewhere", "since=20260401", "since=2026-W14-3", "since=2026-02-30"]
)
async def test_ledger_of_unknown_site_or_day_is_400(query: str) -> None:
    response = await admin_response("GET", f"/admin/ledger?{query}", [Ledger().endpoints])
    assert response.status_code == 400
    assert "elsewhere" not in response.text


async def test_ledger_as_csv_has_every_row() -> None:
    response = await admin_response("GET", "/admin/ledger?format=csv", [Ledger().endpoints])
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    _, row = csv.reader(StringIO(response.text))
    assert row == ["2026-07-01", GUID, "harbour", "c0ffee00", "Patient", "read", "billed", "3", "900"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("since=yesterday", "2026-07-01"),
        ("format=xml", "json or csv"),
        ("period=month", "period=month needs by=app and format=csv."),
        ("by=app&period=month", "period=month needs by=app and format=csv."),
        ("format=csv&period=month", "period=month needs by=app and format=csv."),
        ("day=1", "Unknown query parameter. Allowed: site, since, format, by, period."),
    ],
)
async def test_invalid_parameter_is_rejected(query: str, text: str) -> None:
    ledger = Ledger()
    response = await admin_response("GET", f"/admin/ledger?{query}", [ledger.endpoints])
    assert response.status_code == 400
    assert text in issue(response)["details"]["text"]
    assert ledger.reads == []


@pytest.mark.parametrize("error", [ConnectionError("TimeoutError"), sqlite3.OperationalError("/path")])
async def test_unreadable_ledger_is_503_without_exception_text(error: Exception) -> None:
    class UnreadableLedger(Ledger):
        def rows(self, site: str, since: str) -> list[LedgerRow]:
            self.reads.append((site, since))
            raise error

    response = await admin_response("GET", "/admin/ledger", [UnreadableLedger().endpoints])
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "/readyz" in issue(response)["details"]["text"]
    assert str(error) not in response.text


@pytest.mark.parametrize("by", ["", "?by=app"])
@pytest.mark.parametrize(
    ("error", "status", "text"),
    [(TooManyRowsError(), 400, "100,000 rows"), (LedgerEndsError("ends"), 503, "gateway-shutdown")],
)
async def test_ended_or_too_long_read_says_what_to_do(
    error: Exception, status: int, text: str, by: str
) -> None:
    def fail(_site: str, _since: str) -> list[LedgerRow]:
        raise error

    endpoints = LedgerEndpoints(fail, list, SiteNames(), lambda: NOW, AppReports(fail))
    response = await admin_response("GET", f"/admin/ledger{by}", [endpoints])
    assert response.status_code == status
    assert text in response.text


async def test_few_reports_are_made_at_the_same_time() -> None:
    running, most = list[str](), list[int]()

    def read(site: str, _since: str) -> list[LedgerRow]:
        running.append(site)
        most.append(len(running))
        sleep(0.05)
        running.pop()
        return ROWS

    endpoints = LedgerEndpoints(read, list, SiteNames(), lambda: NOW)
    requests = (admin_response("GET", "/admin/ledger", [endpoints]) for _ in range(5))
    assert {response.status_code for response in await asyncio.gather(*requests)} == {200}
    assert max(most) == MAX_READS


BUDGET = BudgetStatus(BudgetKey("board", "queries_per_day", "2026-07-01"), 8, 10, is_hard=True, resets_at=NOW)


def app_endpoints() -> LedgerEndpoints:
    rows = [LedgerRow(ROWS[0].key._replace(app="board"), 3, 900)]
    apps = AppReports(lambda _site, _since: rows, Prices(Decimal("0.5"), None, "AUD"), lambda _: [BUDGET])
    return LedgerEndpoints(Ledger().rows, list, SiteNames({GUID: "harbour"}), lambda: NOW, apps)


async def test_ledger_by_app_has_costs_and_budgets() -> None:
    body = (await admin_response("GET", "/admin/ledger?by=app", [app_endpoints()])).json()
    assert [(app["app"], app["cost"]) for app in body["apps"]] == [("board", "1.50")]
    assert (body["cost"], body["currency"]) == ("1.50", "AUD")
    assert body["budgets"] == [
        {
            "app": "board",
            "budget": "queries_per_day",
            "period": "2026-07-01",
            "used": 8,
            "limit": 10,
            "usedRatio": 0.8,
            "hard": True,
            "resetsAt": NOW.isoformat(),
        }
    ]


async def test_ledger_by_app_may_be_csv_by_month() -> None:
    path = "/admin/ledger?by=app&format=csv&period=month"
    response = await admin_response("GET", path, [app_endpoints()])
    assert response.headers["content-type"].startswith("text/csv")
    assert response.text.splitlines()[1] == f"2026-07,board,{GUID},harbour,3,0,900,1.50,AUD"
