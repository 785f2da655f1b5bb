"""Endpoint of the current day."""

import sqlite3
from decimal import Decimal

import pytest
from support.operators import admin_response, issue
from support.requests import GUID, NOW

from gateway.admin.ledger import AppReports
from gateway.admin.today import MAX_CAPS, DaySource, TodayEndpoints
from gateway.dates.timezones import load_zone
from gateway.ledger.caps import DailyCap, Usage
from gateway.ledger.cost import CostClass
from gateway.ledger.daily_usage import CapStatus
from gateway.ledger.day_sums import DaySums
from gateway.ledger.prices import Prices

pytestmark = pytest.mark.anyio
SUMS = DaySums({("diary", CostClass.BILLED): (3, 900)}, {})


class Source:
    """Sums that record the days that are read."""

    def __init__(self) -> None:
        self.days: list[str] = []
        self.counted = 0

    def read(self, day: str) -> DaySums:
        self.days.append(day)
        return SUMS

    def count(self) -> None:
        self.counted += 1

    def endpoints(self, caps: int = 0) -> TodayEndpoints:
        statuses = [
            CapStatus(GUID, str(number), DailyCap(queries=1_000), Usage(NOW, number), None)
            for number in range(caps)
        ]
        source = DaySource(self.read, load_zone("Australia/Sydney"))
        apps = AppReports(prices=Prices(Decimal("0.5"), None, "AUD"))
        return TodayEndpoints(source, lambda: statuses, lambda: NOW, apps, self.count)


async def test_day_is_that_of_the_zone_with_what_waits() -> None:
    source = Source()
    body = (await admin_response("GET", "/admin/today", [source.endpoints()])).json()
    assert (source.days, source.counted) == (
        [NOW.astimezone(load_zone("Australia/Sydney")).date().isoformat()],
        1,
    )
    assert (body["queries"], body["cost"], body["timeZone"]) == (3, "1.50", "Australia/Sydney")
    assert (body["caps"], body["practicesWithCaps"], body["budgets"]) == ([], 0, [])


async def test_caps_closest_to_their_limit_come_first() -> None:
    body = (await admin_response("GET", "/admin/today", [Source().endpoints(MAX_CAPS + 5)])).json()
    assert (len(body["caps"]), body["practicesWithCaps"]) == (MAX_CAPS, MAX_CAPS + 5)
    assert body["caps"][0]["name"] == str(MAX_CAPS + 4)


@pytest.mark.parametrize("error", [ConnectionError("down"), sqlite3.OperationalError("locked")])
async def test_ledger_that_cannot_be_read_is_503(error: Exception) -> None:
    def fail(_: str) -> DaySums:
        raise error

    endpoints = TodayEndpoints(DaySource(fail), list, lambda: NOW)
    response = await admin_response("GET", "/admin/today", [endpoints])
    assert response.status_code == 503
    assert "ledger is unavailable" in issue(response)["details"]["text"]


async def test_unknown_parameter_is_refused() -> None:
    assert (await admin_response("GET", "/admin/today?site=1", [Source().endpoints()])).status_code == 400
