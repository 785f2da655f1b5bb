"""Runtime of one process, from start to end."""

import asyncio
import gc
import signal
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from conftest import KEY, settings_for
from starlette.applications import Starlette
from structlog.testing import capture_logs
from support.outbound import Proxy, Server, authority, run_server, wait_for_close
from support.redis_server import redis_server
from support.requests import GUID, fhir_request
from support.secrets import SECRET

from gateway.admin.endpoints import AdminEndpoints
from gateway.app import create_app, operations_of
from gateway.builders import connection_pool
from gateway.cache.freshness import ANY_TYPE
from gateway.chain import practice_chain, upstream_client
from gateway.emulator.sites import SYDNEY
from gateway.errors.catalog import TOO_MANY_CREDENTIAL_FAILURES
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse, Handler
from gateway.ledger.budgets import BudgetKey, BudgetNotice, BudgetStatus
from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.sqlite_reader import read_rows
from gateway.runtime import Runtime, monotonic_clock
from gateway.search_handlers import SiteKnowledge
from gateway.server.exit_stacks import END_SECONDS
from gateway.settings import Admin, Cache, Ledger, Settings, Upstream
from gateway.stores.base import INVALIDATION_PREFIX
from gateway.telemetry.tracing import ExportedTracing
from gateway.telemetry.tracing_spans import SpanRecord
from gateway.trace_context import TraceContext
from gateway.upstreams.site_statements import SiteStatements

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 7, 1, tzinfo=UTC)
FHIR_JSON = {"content-type": "application/fhir+json"}


def respond(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={})


def create_runtime(
    settings: Settings, handler: Callable[[httpx.Request], httpx.Response] = respond
) -> Runtime:
    return Runtime(settings, httpx.MockTransport(handler), lambda: NOW)


@asynccontextmanager
async def http_client(
    settings: Settings, handler: Callable[[httpx.Request], httpx.Response]
) -> AsyncIterator[httpx.AsyncClient]:
    """Client of a running gateway in front of an upstream."""
    app = create_app(settings, transport=httpx.MockTransport(handler))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw.example")
    async with app.router.lifespan_context(app), client:
        yield client


class CountingPool(httpx.MockTransport):
    """Connection pool that counts how often it is closed."""

    close_count = 0

    async def aclose(self) -> None:
        self.close_count += 1


async def test_one_pool_per_upstream_is_closed_with_the_application() -> None:
    pool = CountingPool(respond)
    with capture_logs():
        runtime = Runtime(settings_for("http://upstream"), pool, lambda: NOW)
        client_for = upstream_client(runtime, runtime.settings.upstream)
        assert client_for("halo-connect") is not client_for("halo-sql")
        async with runtime.lifespan(None):  # type: ignore[arg-type]
            assert pool.close_count == 0
    assert pool.close_count == 1


async def test_refusals_of_one_upstream_do_not_count_for_another() -> None:
    settings = settings_for("http://upstream")
    settings = settings.model_copy(
        update={"server": settings.server.model_copy(update={"max_credential_failures": 1})}
    )
    runtime = create_runtime(settings, lambda _: httpx.Response(401, json={}))
    first, second = (upstream_client(runtime, settings.upstream) for _ in range(2))
    limited = []
    for client in (first("halo-connect"), first("halo-sql"), second("halo-connect")):
        with pytest.raises(Failure) as raised:
            await client(fhir_request("Patient/1"))
        limited.append(raised.value.kind is TOO_MANY_CREDENTIAL_FAILURES)
    assert limited == [False, True, False]


async def test_ledger_is_open_while_the_application_runs(tmp_path: Path) -> None:
    settings = settings_for("http://upstream").model_copy(
        update={"ledger": Ledger(path=tmp_path / "ledger.db")}
    )

    runtime = create_runtime(settings)
    async with runtime.lifespan(None):  # type: ignore[arg-type]
        assert await runtime.ledger.problem() == ""
    assert (tmp_path / "ledger.db").is_file()


def admin(settings: Settings) -> AdminEndpoints:
    runtime = create_runtime(settings)
    return operations_of(runtime, []).admin_endpoints(runtime.ledger.rows, runtime.cap_statuses)


def test_gateway_without_admin_token_has_no_admin_endpoints() -> None:
    with capture_logs() as lines:
        assert admin(Settings()).shared_port_routes() == []
        token = Settings(admin=Admin.model_validate({"token": SECRET}))
        paths = {route.path for route in admin(token).shared_port_routes()}
    assert {"/admin/ledger", "/admin/cache", "/admin/purge", "/admin/sites", "/admin/pauses"} <= paths
    assert [(line["event"], line["setting"]) for line in lines[:1]] == [("configuration", "paging.keys")]


async def test_new_engine_version_invalidates_stored_responses() -> None:
    statement = {"resourceType": "CapabilityStatement", "version": "26.619.1"}

    def engine(request: httpx.Request) -> httpx.Response:
        patient = {"resourceType": "Patient", "id": "1"}
        return httpx.Response(200, json=statement if request.url.path.endswith("metadata") else patient)

    runtime = create_runtime(settings_for("http://upstream").model_copy(update={"cache": Cache()}), engine)
    client = upstream_client(runtime, runtime.settings.upstream)("halo-connect")
    handler = practice_chain(runtime, client, runtime.cache_config, knowledge_of(runtime, client)).handler
    no_cache = (("cache-control", "no-cache"),)
    patient, metadata = fhir_request("Patient/1"), fhir_request("metadata", headers=no_cache)

    async def cache_statuses() -> list[str]:
        responses = [await handler(request) for request in (metadata, patient, metadata, patient)]
        return [response.header("cache-status").split("; ")[1] for response in responses]

    expected_statuses = ["fwd=request", "fwd=uri-miss", "fwd=request", "hit"]
    assert await cache_statuses() == expected_statuses
    assert runtime.engine_versions_of(runtime.settings.upstream).local_version(GUID) == "26.619.1"
    statement["version"] = "26.701.1"
    assert await cache_statuses() == expected_statuses


def knowledge_of(runtime: Runtime, client: Handler) -> SiteKnowledge:
    return SiteKnowledge(SiteStatements(client), runtime.issue_states_of(runtime.settings.upstream))


async def test_increment_of_shared_counters_ends_validity_of_cached_response() -> None:
    def respond_with_patient(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"resourceType": "Patient", "id": "1"})

    settings = settings_for("http://upstream").model_copy(update={"cache": Cache()})
    runtime = create_runtime(settings, respond_with_patient)
    client = upstream_client(runtime, settings.upstream)("halo-connect")
    handler = practice_chain(runtime, client, runtime.cache_config, knowledge_of(runtime, client)).handler
    _, hit = [await read_patient(handler) for _ in range(2)]
    assert hit.cache_validity is not None
    assert hit.cache_validity.is_locally_current()
    await runtime.counters.increment(GUID, (ANY_TYPE,))
    assert not hit.cache_validity.is_locally_current()


async def test_unfinished_query_is_counted_when_the_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    settings = settings_for("http://upstream").model_copy(update={"ledger": Ledger(path=path)})

    async def never_respond(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3_600)
        return respond(request)

    runtime = Runtime(settings, httpx.MockTransport(never_respond), lambda: NOW)
    client = upstream_client(runtime, settings.upstream)("halo-connect")
    async with runtime.lifespan(None):  # type: ignore[arg-type]
        task = asyncio.create_task(read_patient(client))
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(row.key.cost, row.queries) for row in read_rows(path)] == [(CostClass.MAYBE_BILLED, 1)]


async def read_patient(handler: Handler) -> FhirResponse:
    return await handler(fhir_request("Patient/1"))


async def test_unavailable_redis_is_reported_and_fails_no_request() -> None:
    shared = Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": [SECRET]})
    settings = settings_for("http://upstream").model_copy(update={"cache": shared})

    def engine(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"resourceType": "Patient", "id": "1"})

    with capture_logs() as lines:
        async with http_client(settings, engine) as client:
            path = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
            first, second = [await client.get(path, headers=KEY) for _ in range(2)]
            ready, metrics = await client.get("/readyz"), await client.get("/metrics")
    assert [line["event"] for line in lines].count("shared-store-down") == 1
    assert (first.status_code, second.headers["cache-status"][:17]) == (200, "halo-gateway; hit")
    assert (ready.status_code, ready.json()["status"]) == (200, "warn")
    assert "using in-process memory" in ready.json()["checks"]["store"][0]["output"]
    assert "halo_gateway_shared_store_down 1.0" in metrics.text


async def test_process_that_ends_uses_a_redis_that_is_back() -> None:
    """Even if it has not done so since: other replicas would serve what its writes changed."""
    counter, place = f"*{INVALIDATION_PREFIX}*/Patient", "*replicas/*/lock"
    with redis_server() as redis, redis.direct() as direct, capture_logs() as lines:
        cache = Cache.model_validate({"redis": {"url": redis.url, "timeout": 2}, "keys": [SECRET]})
        settings = settings_for("http://upstream").model_copy(update={"cache": cache})
        patient = {"resourceType": "Patient", "id": "1"}
        async with http_client(settings, lambda _: httpx.Response(200, json=patient)) as client:
            assert direct.keys(place)
            redis.signal(signal.SIGSTOP)
            path = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
            put = await client.put(path, headers=KEY | FHIR_JSON, json=patient)
            assert put.status_code == 200, put.text
            redis.signal(signal.SIGCONT)
        assert (len(direct.keys(counter)), direct.keys(place)) == (1, [])
    assert "invalidations-lost" not in [line["event"] for line in lines]


async def test_default_zone_is_a_warning_at_start_and_in_readyz() -> None:
    default = {"time_zone": "Australia/Perth", "search": {"verified_by": "probe 2026-11-28"}}
    values = {"sites": {"default": default}, "paging": {"keys": [SECRET]}}

    with capture_logs() as lines:
        async with http_client(Settings.model_validate(values), respond) as client:
            ready = await client.get("/readyz")
    (warning,) = [line for line in lines if line["event"] == "configuration"]
    assert (warning["log_level"], warning["setting"]) == ("warning", "sites.default.time_zone")
    assert (ready.status_code, ready.json()["status"]) == (200, "warn")
    (check,) = ready.json()["checks"]["sites"]
    assert check == {"status": "warn", "output": f"sites.default.time_zone: {warning['warning']}"}


async def test_gateway_without_a_site_to_serve_is_not_ready() -> None:
    async with http_client(Settings(), respond) as client:
        ready = await client.get("/readyz")
        path = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
        assert (await client.get(path, headers=KEY)).status_code == 503
        assert (await client.get("/livez")).status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "fail")
    assert "sites.<guid>.time_zone" in ready.json()["checks"]["configuration"][0]["output"]


@pytest.mark.parametrize(("required", "status"), [(True, 503), (False, 200)])
async def test_required_ledger_must_be_writable(tmp_path: Path, *, required: bool, status: int) -> None:
    path = tmp_path / "ledger.sqlite3"
    ledger = Ledger(path=path, required=required)
    settings = settings_for("http://upstream").model_copy(update={"ledger": ledger})
    path.mkdir()
    async with http_client(settings, respond) as client:
        ready = await client.get("/readyz")
        path.rmdir()
        deadline = time.monotonic() + 20
        while (await client.get("/readyz")).json()["status"] != "pass":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    assert ready.status_code == status
    assert "SQLITE_CANTOPEN" in ready.json()["checks"]["ledger"][0]["output"]


async def test_site_never_probed_is_a_warning_but_ready() -> None:
    settings = Settings.model_validate({"sites": {SYDNEY: {"time_zone": "Australia/Sydney"}}})
    async with http_client(settings, respond) as client:
        ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "warn")
    assert "`halo-gateway probe`" in ready.json()["checks"]["dates"][0]["output"]


async def test_configured_sites_are_no_warning_in_readyz() -> None:
    runtime = create_runtime(settings_for("http://upstream"))
    assert await runtime.warnings["sites"]() == ""
    assert await runtime.warnings["dates"]() == ""


async def test_pool_uses_proxy_and_certificates_of_its_upstream(tmp_path: Path) -> None:
    private_authority, server, proxy = authority(tmp_path), Server(), Proxy()
    with run_server(server, private_authority.server()) as port, run_server(proxy) as proxy_port:
        settings = Upstream.model_validate(
            {
                "url": f"https://localhost:{port}",
                "proxy": f"http://127.0.0.1:{proxy_port}",
                "ca_file": str(private_authority.ca_file),
            }
        )

        pool = connection_pool(settings)
        try:
            response = await pool.handle_async_request(httpx.Request("GET", str(settings.url)))
        finally:
            await pool.aclose()
            await wait_for_close()
    assert response.status_code == 200
    assert (len(proxy.heads), len(server.heads)) == (1, 1)


def _failures() -> list[Failure]:
    return [item for item in gc.get_objects() if isinstance(item, Failure)]


def _reset(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("", request=request)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("profile", ["off", "balanced"])
@pytest.mark.parametrize(
    "upstream",
    [lambda _: httpx.Response(404, json={}), lambda _: httpx.Response(200, text='{"resourceType":'), _reset],
    ids=["404", "not FHIR", "reset"],
)
async def test_failed_request_is_freed_without_the_collector(
    upstream: Callable[[httpx.Request], httpx.Response], profile: str, method: str
) -> None:
    settings = settings_for("http://upstream").model_copy(update={"cache": Cache(profile=profile)})

    app = create_app(settings, transport=httpx.MockTransport(upstream))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw.example")
    headers = {**KEY, "content-type": "application/fhir+json", "cache-control": "no-cache"}
    path, content = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient", b"{}" if method == "POST" else b""
    gc.collect()
    gc.disable()
    earlier_failures = _failures()
    try:
        response = await client.request(method, path, headers=headers, content=content)
        await asyncio.sleep(0)
        failures = [failure for failure in _failures() if failure not in earlier_failures]
    finally:
        gc.enable()
    assert (response.status_code in {404, 502, 504}, failures) == (True, [])


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux only")
def test_clock_of_ready_responses_counts_sleep() -> None:
    assert isinstance(monotonic_clock, partial)
    assert (monotonic_clock.func, monotonic_clock.args) == (time.clock_gettime, (time.CLOCK_BOOTTIME,))


async def test_what_never_answers_does_not_hold_the_end(tmp_path: Path) -> None:
    """Collector, receiver, and a ledger that another process locks: each uses its time, all at once."""
    path = tmp_path / "ledger.sqlite3"
    key = BudgetKey("board", "queries_per_day", "2026-07-01")
    row = LedgerKey("2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
    status = BudgetStatus(key, 80, 100, is_hard=True, resets_at=NOW)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        values = {
            "traces": {"endpoint": url, "sample_ratio": 1.0},
            "budget_webhook": {"url": url, "secret": f"whsec_{SECRET}"},
            "ledger": {"path": path},
            "upstream": {"url": "https://halo.example"},
        }
        runtime = create_runtime(Settings.model_validate(values))
        with closing(sqlite3.connect(path, isolation_level=None)) as other, capture_logs() as lines:
            async with runtime.lifespan(Starlette()):
                other.execute("BEGIN IMMEDIATE")
                runtime.ledger.add(row, 10)
                runtime.budget_messages.send(BudgetNotice(status, 80))
                assert isinstance(runtime.tracing, ExportedTracing)
                runtime.tracing.add(SpanRecord(TraceContext("a" * 32, "b" * 16), "", "server", 1, 2, {}))
                await asyncio.sleep(0.1)
                start = time.monotonic()
            assert time.monotonic() - start < END_SECONDS
    lost = {line["event"] for line in lines if line["log_level"] in {"error", "warning"}}
    assert {"ledger-lost", "webhooks-lost", "traces-lost"} <= lost
    assert "shutdown-cut-short" not in lost
