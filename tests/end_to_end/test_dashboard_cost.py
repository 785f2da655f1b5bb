"""CPU time of the dashboard's pages at 1,000 practices with a full day in the ledger."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs
from support.dashboard import dashboard_settings, made_up_guid
from support.dashboard_pages import SAME_ORIGIN
from support.secrets import SECRET

from gateway.app import create_app
from gateway.dates.timezones import load_zone
from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.day_report import day_time
from gateway.ledger.sqlite_ledger import SqliteLedger
from gateway.runtime import utc_now

PRACTICES = 1_000
#: Seconds of CPU that a page may take.
LIMIT = 0.020
PAGES = ("/admin/", "/admin/practices", "/admin/practices?page=5", f"/admin/practices/{made_up_guid(7)}")
COSTS = (CostClass.BILLED, CostClass.HIT)
TYPES = ("Patient", "Appointment", "Observation", "Condition", "Slot")


def fill_ledger(path: Path) -> None:
    """Write ten rows of today for each practice."""
    day = day_time(utc_now(), load_zone("Australia/Brisbane")).day
    keys = [
        LedgerKey(day, made_up_guid(number), "waiting-room", type_, "search", cost)
        for number in range(PRACTICES)
        for type_ in TYPES
        for cost in COSTS
    ]
    ledger = SqliteLedger(path)
    ledger.add_counts(dict.fromkeys(keys, (3, 9000)))
    ledger.close()


@pytest.fixture
def app(tmp_path: Path) -> Starlette:
    path = tmp_path / "ledger.sqlite3"
    fill_ledger(path)
    ledger = {"path": str(path), "price_per_query": 0.02, "currency": "AUD"}
    with capture_logs():
        return create_app(dashboard_settings("https://halo.example", PRACTICES, ledger=ledger))


async def measure(app: Starlette) -> dict[str, float]:
    """Least CPU seconds of each page in some requests of a signed-in operator."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw.example")
    async with app.router.lifespan_context(app), client:
        form = (await client.get("/admin/sign-in")).text
        token = form.split('name="form-token" value="')[1].partition('"')[0]
        fields = {"token": SECRET, "form-token": token}
        await client.post("/admin/sign-in", data=fields, headers=SAME_ORIGIN)
        return {path: min([await cpu_seconds(client, path) for _ in range(20)]) for path in PAGES}


async def cpu_seconds(client: httpx.AsyncClient, path: str) -> float:
    began = time.process_time()
    response = await client.get(path)
    used = time.process_time() - began
    assert response.status_code == 200
    assert "15,000" in response.text or path != "/admin/"
    return used


def test_page_takes_less_than_20_ms_of_cpu(app: Starlette) -> None:
    for path, seconds in asyncio.run(measure(app)).items():
        print(f"{path}: {1_000 * seconds:.1f} ms of CPU at {PRACTICES:,} practices")
        assert seconds < LIMIT, path
