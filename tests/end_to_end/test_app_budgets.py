"""A hard budget of an app, through all handlers, the ledger and the webhook."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import Semaphore

import httpx
import pytest
from conftest import settings_for
from structlog.testing import capture_logs
from support.outbound import run_server
from support.requests import fhir_request
from support.secrets import SECRET

from gateway.chain import halo_chains, upstream_client
from gateway.errors.catalog import APP_BUDGET_USED
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.ledger.cost import BILLABLE_CLASSES
from gateway.ledger.sqlite_reader import read_rows, read_rows_by_app
from gateway.runtime import Runtime
from gateway.settings import Settings

pytestmark = pytest.mark.anyio

HEADERS = (("ocp-apim-subscription-key", "demo"), ("accept", "application/fhir+json"))
BUDGET = {"queries_per_day": 2, "hard": True}
APPS = {"board": {"callers": ["0" * 64], "budget": BUDGET}, "letters": {"user_agent": "Letters/*"}}


@dataclass
class Receiver:
    """Accepts all messages, and records their data."""

    data: list[dict[str, object]] = field(default_factory=list)
    received: Semaphore = field(default_factory=lambda: Semaphore(0))

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode().lower():
            (length,) = (line[15:] for line in head.split("\r\n") if line.startswith("content-length"))
            self.data.append(json.loads(await reader.readexactly(int(length)))["data"])
            self.received.release()
            writer.write(b"HTTP/1.1 204 X\r\n\r\n")
            await writer.drain()


def respond(request: httpx.Request) -> httpx.Response:
    resource = {"resourceType": "Patient", "id": request.url.path.rpartition("/")[2]}
    return httpx.Response(200, json=resource, headers={"content-type": "application/fhir+json"})


def budget_settings(path: Path, port: int) -> Settings:
    values = settings_for("http://upstream").model_dump(exclude_unset=True)
    webhook = {"url": f"http://127.0.0.1:{port}/", "secret": f"whsec_{SECRET}"}
    return Settings.model_validate(
        {**values, "apps": APPS, "budget_webhook": webhook, "ledger": {"path": path}, "cache": {}}
    )


def read_of(app: str, id_: str) -> FhirRequest:
    return fhir_request(f"Patient/{id_}", headers=HEADERS).replace(app=app)


async def run_day(runtime: Runtime, handler: Handler) -> list[FhirResponse]:
    """Send two queries of the board, a third, and what goes on nevertheless."""
    write = fhir_request(
        "Patient/9", method="PUT", headers=HEADERS, body=b'{"resourceType":"Patient","id":"9"}'
    )
    requests = [
        read_of("board", "1"),
        read_of("board", "2"),
        read_of("board", "3"),
        read_of("board", "1"),
        read_of("letters", "3"),
        read_of("board", "3"),
        write.replace(app="board"),
    ]
    return [await handler(request) for request in requests]


async def test_hard_budget_ends_queries_of_one_app(tmp_path: Path) -> None:
    receiver, path = Receiver(), tmp_path / "ledger.sqlite3"
    with run_server(receiver) as port, capture_logs() as lines:
        settings = budget_settings(path, port)
        runtime = Runtime(settings, httpx.MockTransport(respond))
        chains = halo_chains(runtime, settings.upstream, upstream_client(runtime, settings.upstream))
        async with runtime.lifespan(None):  # type: ignore[arg-type]
            responses = await run_day(runtime, chains.fhir.handler)
            for _ in range(3):
                assert await asyncio.to_thread(receiver.received.acquire, timeout=20)
    assert [response.status for response in responses] == [200, 200, 429, 200, 200, 200, 200]
    refused = responses[2]
    (issue,) = json.loads(refused.body)["issue"]
    assert issue["code"] == "throttled"
    assert APP_BUDGET_USED.code in {coding["code"] for coding in issue["details"]["coding"]}
    assert "The app board has used its budget queries_per_day" in issue["details"]["text"]
    assert 0 < int(refused.header("retry-after")) <= 86_400
    assert [message["threshold"] for message in receiver.data] == [50, 80, 100]
    assert {message["app"] for message in receiver.data} == {"board"}
    assert [line["percent"] for line in lines if line["event"] == "app-budget"] == [50, 80, 100]
    check_sums(path)


async def test_refused_query_takes_no_permit_of_the_key(tmp_path: Path) -> None:
    """It would wait for one, keep others waiting, and hide its reason; so would the trial of a circuit."""
    values = budget_settings(tmp_path / "ledger.sqlite3", 9).model_dump(exclude_unset=True)
    del values["budget_webhook"]
    values["upstream"] = {"url": "http://upstream", "requests_per_second": 0.01}
    values["apps"]["board"]["budget"] = {"queries_per_day": 1, "hard": True}
    settings = Settings.model_validate(values)
    runtime = Runtime(settings, httpx.MockTransport(respond))
    chains = halo_chains(runtime, settings.upstream, upstream_client(runtime, settings.upstream))
    async with runtime.lifespan(None):  # type: ignore[arg-type]
        assert (await chains.fhir.handler(read_of("board", "1"))).status == 200
        async with asyncio.timeout(20):
            refused = await chains.fhir.handler(read_of("board", "2"))
    assert (refused.status, APP_BUDGET_USED.code in refused.body.decode()) == (429, True)


def check_sums(path: Path) -> None:
    rows, parts = read_rows(path), read_rows_by_app(path)
    assert sum(row.queries for row in parts) == sum(row.queries for row in rows) == 7
    billable = [row for row in parts if row.key.cost in BILLABLE_CLASSES]
    queries = {
        app: sum(row.queries for row in billable if row.key.app == app) for app in ("board", "letters")
    }
    assert queries == {"board": 3, "letters": 1}
