"""Requests in flight when the gateway shuts down, over real sockets."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from conftest import KEY
from end_to_end.failing_gateway import checked_issue, error_code
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs
from structlog.typing import EventDict
from support.endless_reads import make_reads_endless
from support.secrets import SECRET
from support.sockets import connect, until

from gateway.app import create_app
from gateway.ledger.cost import BILLABLE_CLASSES, LedgerRow
from gateway.ledger.sqlite_reader import read_rows
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

SITE = "/integrator/sites/0a1b2c3d-0000-4000-8000-00000000000a"
FHIR = {"accept": "application/fhir+json"}
SQL = {"command": {"text": "dbo.FileDocument", "type": "storedProcedure"}}
SELECT = {"command": {"text": "SELECT 1", "type": "text"}}
BATCH = {
    "resourceType": "Bundle",
    "type": "batch",
    "entry": [{"request": {"method": "GET", "url": f"Patient/{number}"}} for number in (2, 3)],
}
#: Name, method, path, body, header fields.
REQUESTS = (
    ("sql", "POST", f"{SITE}/queries/immediate", SQL, {}),
    ("sql-fhir", "POST", f"{SITE}/queries/immediate", SQL, FHIR),
    ("sql-read", "POST", f"{SITE}/queries/immediate", SELECT, FHIR),
    ("sql-poll", "GET", f"{SITE}/queries/00000000-0000-4000-8000-0000000000aa", None, {"prefer": "wait=30"}),
    ("create", "POST", f"{SITE}/fhir/R4/Patient", {"resourceType": "Patient"}, FHIR),
    ("read", "GET", f"{SITE}/fhir/R4/Patient/1", None, FHIR),
    ("search", "GET", f"{SITE}/fhir/R4/Patient?_id=1", None, FHIR),
    ("batch", "POST", f"{SITE}/fhir/R4", BATCH, FHIR),
    ("sites", "GET", "/integrator/sites", None, {}),
)


@dataclass
class Shutdown:
    """Responses to the requests, by name, and the log."""

    responses: dict[str, httpx.Response] = field(default_factory=dict)
    unread: bytes = b""
    lines: list[EventDict] = field(default_factory=list)
    ledger: list[LedgerRow] = field(default_factory=list)


def hanging_upstream(received: list[str]) -> Starlette:
    async def hang(request: Request) -> Response:
        received.append(request.url.path)
        await asyncio.sleep(20)
        return Response()

    app = Starlette(routes=[Route("/{path:path}", hang, methods=["GET", "POST"])])
    app.state.drain_seconds = 1
    return app


@pytest.fixture(scope="module")
def shutdown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shutdown]:
    ledger = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    received: list[str] = []
    found = Shutdown()
    with (
        capture_logs() as found.lines,
        ThreadedServer(hanging_upstream(received)) as upstream,
        ThreadPoolExecutor(len(REQUESTS)) as pool,
    ):
        with (
            ThreadedServer(create_app(gateway_settings(upstream.url, ledger))) as server,
            connect(server) as client,
        ):
            url, waiting = server.url, {}
            for name, method, path, body, headers in REQUESTS:
                fields = KEY | headers
                waiting[name] = pool.submit(
                    httpx.request, method, url + path, json=body, headers=fields, timeout=20, trust_env=False
                )
            until(lambda: len(received) == len(REQUESTS) + 1)  # a batch of two
            head = f"POST {SITE}/fhir/R4/Patient HTTP/1.1\r\nHost: gw\r\nOcp-Apim-Subscription-Key: k\r\n"
            client.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{".encode())
            server.should_exit = True
            found.responses = {name: future.result() for name, future in waiting.items()}
            found.unread = client.recv(65_536)
        found.ledger = read_rows(ledger)
        yield found


def gateway_settings(url: str, ledger: Path) -> Settings:
    sites = {"default": {"time_zone": "Australia/Sydney"}}
    return Settings.model_validate(
        {
            "upstream": {"url": url},
            "server": {"drain_seconds": 1},
            "sites": sites,
            "ledger": {"path": ledger},
        }
    )


@pytest.mark.parametrize("name", ["sql", "sql-fhir", "create"])
def test_change_that_shutdown_cuts_off_has_an_unknown_outcome(shutdown: Shutdown, name: str) -> None:
    response = shutdown.responses[name]
    issue = checked_issue(response, 504)
    assert error_code(issue) == "write-outcome-unknown"
    assert "gateway-shutdown" in response.text
    assert "retry-after" not in response.headers


@pytest.mark.parametrize("name", ["sql-read", "sql-poll", "read", "search", "batch", "sites"])
def test_read_that_shutdown_cuts_off_may_be_repeated(shutdown: Shutdown, name: str) -> None:
    response = shutdown.responses[name]
    assert error_code(checked_issue(response, 503)) == "gateway-shutdown"
    assert response.headers["retry-after"] == "5"


def test_request_that_shutdown_interrupts_is_not_sent(shutdown: Shutdown) -> None:
    assert shutdown.unread.startswith(b"HTTP/1.1 503 ")
    assert b'"gateway-shutdown"' in shutdown.unread


def test_requests_that_shutdown_cuts_off_are_logged(shutdown: Shutdown) -> None:
    requests = [line for line in shutdown.lines if line["event"] == "request"]
    lines = [line for line in requests if line["log_level"] == "warning"]
    assert len(lines) == len(REQUESTS)
    assert [line["status"] for line in requests if line not in lines] == [503]  # not read
    assert {(line["code"], line["status"]) for line in lines} == {
        ("write-outcome-unknown", 504),
        ("gateway-shutdown", 503),
    }
    assert all(line["request_id"] for line in lines)


def test_queries_that_shutdown_cuts_off_are_those_of_the_ledger(shutdown: Shutdown) -> None:
    counted = sum(row.queries for row in shutdown.ledger if row.key.cost in BILLABLE_CLASSES)
    lines = [line for line in shutdown.lines if line["event"] == "request"]
    assert sum(line["queries"] for line in lines) == counted
    assert sum(line["queries"] for line in lines if line["interaction"] == "transaction") == 2


def test_ledger_read_that_shutdown_cuts_off_may_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    make_reads_endless(path, "ledger_by_app")
    settings = gateway_settings("http://127.0.0.1:1", path).model_dump() | {"admin": {"token": SECRET}}
    with (
        capture_logs() as lines,
        ThreadPoolExecutor(2) as pool,
        ThreadedServer(create_app(Settings.model_validate(settings))) as server,
    ):
        fields = {"authorization": f"Bearer {SECRET}"}
        waiting = [
            pool.submit(httpx.get, f"{server.url}/admin/{path}", headers=fields, timeout=20, trust_env=False)
            for path in ("today", "ledger?by=app")
        ]
        time.sleep(0.5)
        server.should_exit = True
        responses = [future.result() for future in waiting]
    assert [error_code(checked_issue(each, 503)) for each in responses] == ["gateway-shutdown"] * 2
    assert [line for line in lines if line["log_level"] in {"error", "critical"}] == []
