"""CPU time of the dashboard's pages at 1,000 practices with a full day in the ledger."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from conftest import KEY
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

Upstream = Callable[[httpx.Request], httpx.Response]
PRACTICES = 1_000
#: Seconds of CPU that a page may take, also while all practices have trouble.
LIMIT = 0.020
PAGES = (
    "/admin/",
    "/admin/practices",
    "/admin/practices?page=5",
    "/admin/practices?page=10",
    "/admin/pauses/list?page=10",
    f"/admin/practices/{made_up_guid(7)}",
)
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


def refuse_connection(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def refuse_practice(_: httpx.Request) -> httpx.Response:
    text = {"issue": [{"severity": "error", "code": "transient", "diagnostics": "Closed for lunch"}]}
    return httpx.Response(503, json={"resourceType": "OperationOutcome"} | text)


@pytest.fixture
def ledger_path(tmp_path: Path) -> Path:
    fill_ledger(tmp_path / "ledger.sqlite3")
    return tmp_path / "ledger.sqlite3"


def app_of(path: Path, upstream: Upstream | None) -> Starlette:
    ledger = {"path": str(path), "price_per_query": 0.02, "currency": "AUD"}
    rule = {"id": "lunch", "message_pattern": "for lunch", "scope": "site", "seconds": 3600}
    settings = dashboard_settings("https://halo.example", PRACTICES, ledger=ledger, pauses={"rules": [rule]})
    transport = httpx.MockTransport(upstream) if upstream else None
    with capture_logs():
        return create_app(settings, transport=transport)


async def trouble_all(client: httpx.AsyncClient) -> None:
    """Let the requests at every practice fail."""
    for number in range(PRACTICES):
        path = f"/integrator/sites/{made_up_guid(number)}/fhir/R4/Patient/1"
        for _ in range(2):
            assert (await client.get(path, headers=KEY)).status_code >= 500


async def measure(app: Starlette, *, is_troubled: bool) -> dict[str, float]:
    """Least CPU seconds of each page in some requests of a signed-in operator."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw.example")
    async with app.router.lifespan_context(app), client:
        if is_troubled:
            with capture_logs():
                await trouble_all(client)
        form = (await client.get("/admin/sign-in")).text
        token = form.split('name="form-token" value="')[1].partition('"')[0]
        fields = {"token": SECRET, "form-token": token}
        await client.post("/admin/sign-in", data=fields, headers=SAME_ORIGIN)
        return {path: await least_cpu_seconds(client, path) for path in PAGES}


async def least_cpu_seconds(client: httpx.AsyncClient, path: str) -> float:
    """Least of 20 requests, or of up to 300 while all are above the limit: others slow the machine down."""
    least = min([await cpu_seconds(client, path) for _ in range(20)])
    for _ in range(280):
        if least < LIMIT:
            break
        least = min(least, await cpu_seconds(client, path))
    return least


async def cpu_seconds(client: httpx.AsyncClient, path: str) -> float:
    began = time.process_time()
    response = await client.get(path)
    used = time.process_time() - began
    assert response.status_code == 200
    assert "15,000" in response.text or path != "/admin/"
    return used


@pytest.mark.alone
@pytest.mark.parametrize("upstream", [None, refuse_connection, refuse_practice])
def test_page_takes_little_cpu(ledger_path: Path, upstream: Upstream | None) -> None:
    app = app_of(ledger_path, upstream)
    for path, seconds in asyncio.run(measure(app, is_troubled=upstream is not None)).items():
        print(f"{path}: {1_000 * seconds:.1f} ms of CPU at {PRACTICES:,} practices")
        assert seconds < LIMIT, path
