import asyncio
import gc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from conftest import KEY, settings_for
from structlog.testing import capture_logs
from support.outbound import Proxy, Server, authority, listening, settled
from support.requests import GUID, fhir_request

from gateway.admin.endpoints import AdminEndpoints
from gateway.app import create_app, operations_of
from gateway.builders import connection_pool
from gateway.chain import practice_chain, upstream_client
from gateway.emulator.sites import SYDNEY
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse, Handler
from gateway.ledger.cost import CostClass
from gateway.ledger.sqlite_ledger import read_rows
from gateway.runtime import Runtime
from gateway.settings import Admin, Cache, Ledger, Settings, Upstream

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def answering(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={})


def process(settings: Settings) -> Runtime:
    return Runtime(settings, httpx.MockTransport(answering), lambda: NOW)


class Pool(httpx.MockTransport):
    """Connections that count how often they are closed."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.anyio
async def test_one_pool_per_upstream_is_closed_with_the_application() -> None:
    pool = Pool(answering)
    with capture_logs():
        runtime = Runtime(settings_for("http://upstream"), pool, lambda: NOW)
        client_for = upstream_client(runtime, runtime.settings.upstream)
        assert client_for("halo-connect") is not client_for("halo-sql")
        async with runtime.lifespan(None):  # type: ignore[arg-type]
            assert pool.closed == 0
    assert pool.closed == 1


def test_the_ledger_is_there_while_the_application_is(tmp_path: Path) -> None:
    settings = settings_for("http://upstream").model_copy(
        update={"ledger": Ledger(path=tmp_path / "ledger.db")}
    )

    async def live() -> None:
        held = process(settings)
        async with held.lifespan(None):  # type: ignore[arg-type]
            assert await held.ledger.problem() == ""

    with capture_logs():
        asyncio.run(live())
    assert (tmp_path / "ledger.db").is_file()


def admin(settings: Settings) -> AdminEndpoints:
    runtime = process(settings)
    return operations_of(runtime, []).admin_endpoints(runtime.ledger.rows, runtime.cap_statuses)


def test_without_a_token_there_are_no_operators_endpoints() -> None:
    with capture_logs() as lines:
        assert admin(Settings()).shared_port_routes() == []
        token = Settings(admin=Admin.model_validate({"token": "synthetic-operator-token"}))
        paths = {each.path for each in admin(token).shared_port_routes()}
    assert {"/admin/ledger", "/admin/cache", "/admin/purge", "/admin/sites", "/admin/pauses"} <= paths
    assert [(each["event"], each["setting"]) for each in lines[:1]] == [("configuration", "paging.keys")]


def test_a_new_engine_makes_what_the_old_one_answered_unused() -> None:
    version = ["26.619.1"]

    def engine(request: httpx.Request) -> httpx.Response:
        statement = {"resourceType": "CapabilityStatement", "version": version[0]}
        found = statement if request.url.path.endswith("metadata") else {"resourceType": "Patient", "id": "1"}
        return httpx.Response(200, json=found)

    async def live() -> list[str]:
        settings = settings_for("http://upstream").model_copy(update={"cache": Cache()})
        held = Runtime(settings, httpx.MockTransport(engine), lambda: NOW)
        client = upstream_client(held, held.settings.upstream)("halo-connect")
        cached = practice_chain(held, client).handler
        no_cache = (("cache-control", "no-cache"),)
        patient, metadata = fhir_request("Patient/1"), fhir_request("metadata", headers=no_cache)
        steps = [metadata, patient, metadata, patient]
        before = [(await cached(each)).header("cache-status").split("; ")[1] for each in steps]
        assert held.engine_versions.local_version(GUID) == "26.619.1"
        version[0] = "26.701.1"
        return before + [(await cached(each)).header("cache-status").split("; ")[1] for each in steps]

    with capture_logs():
        said = asyncio.run(live())
    assert said == ["fwd=request", "fwd=uri-miss", "fwd=request", "hit"] * 2


def test_a_query_nobody_waits_for_is_in_the_ledger_though_the_process_ends_first(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    settings = settings_for("http://upstream").model_copy(update={"ledger": Ledger(path=path)})

    async def endless(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3_600)
        return answering(request)

    async def live() -> None:
        held = Runtime(settings, httpx.MockTransport(endless), lambda: NOW)
        ask = upstream_client(held, settings.upstream)("halo-connect")
        async with held.lifespan(None):  # type: ignore[arg-type]
            asked = asyncio.create_task(_called(ask))
            await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    with capture_logs():
        asyncio.run(live())
    assert [(row.key.cost, row.queries) for row in read_rows(path)] == [(CostClass.MAYBE_BILLED, 1)]


async def _called(handler: Handler) -> FhirResponse:
    return await handler(fhir_request("Patient/1"))


def test_an_operator_sees_that_redis_is_away_and_no_request_fails_for_it() -> None:
    shared = Cache.model_validate({"redis": {"url": "redis://127.0.0.1:1"}, "keys": ["synthetic"]})
    settings = settings_for("http://upstream").model_copy(update={"cache": shared})

    def engine(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"resourceType": "Patient", "id": "1"})

    async def live() -> list[httpx.Response]:
        app = create_app(settings, transport=httpx.MockTransport(engine))
        web = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw.example")
        async with app.router.lifespan_context(app), web:
            path = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
            asked = [await web.get(path, headers=KEY) for _ in range(2)]
            return [*asked, await web.get("/readyz"), await web.get("/metrics")]

    with capture_logs() as lines:
        first, second, ready, metrics = asyncio.run(live())
    assert [each["event"] for each in lines].count("shared-store-down") == 1
    assert (first.status_code, second.headers["cache-status"][:17]) == (200, "halo-gateway; hit")
    assert (ready.status_code, ready.json()["status"]) == (200, "warn")
    assert "using in-process memory" in ready.json()["checks"]["store"][0]["output"]
    assert "halo_gateway_shared_store_down 1.0" in metrics.text


def test_default_zone_is_warned_of_at_start_and_in_readyz() -> None:
    zone = {"sites": {"default": {"time_zone": "Australia/Perth"}}, "paging": {"keys": ["synthetic"]}}

    async def live() -> httpx.Response:
        app = create_app(Settings.model_validate(zone), transport=httpx.MockTransport(answering))
        web = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw.example")
        async with app.router.lifespan_context(app), web:
            return await web.get("/readyz")

    with capture_logs() as lines:
        ready = asyncio.run(live())
    told = [each for each in lines if each["event"] == "configuration"]
    assert [(each["log_level"], each["setting"]) for each in told] == [("warning", "sites.default.time_zone")]
    assert (ready.status_code, ready.json()["status"]) == (200, "warn")
    (found,) = ready.json()["checks"]["sites"]
    assert found == {"status": "warn", "output": f"sites.default.time_zone: {told[0]['warning']}"}


def test_named_sites_are_nothing_to_warn_of_in_readyz() -> None:
    with capture_logs():
        held = process(settings_for("http://upstream"))
    assert asyncio.run(held.warnings["sites"]()) == ""


def test_pool_takes_proxy_and_certificates_of_its_upstream(tmp_path: Path) -> None:
    private, server, proxy = authority(tmp_path), Server(), Proxy()
    with listening(server, private.server()) as port, listening(proxy) as way:
        settings = Upstream.model_validate(
            {
                "url": f"https://localhost:{port}",
                "proxy": f"http://127.0.0.1:{way}",
                "ca_file": str(private.ca_file),
            }
        )

        async def live() -> int:
            connections = connection_pool(settings)
            try:
                return (
                    await connections.handle_async_request(httpx.Request("GET", str(settings.url)))
                ).status_code
            finally:
                await connections.aclose()
                await settled()

        assert asyncio.run(live()) == 200
    assert (len(proxy.heads), len(server.heads)) == (1, 1)


def _failures() -> list[Failure]:
    return [each for each in gc.get_objects() if isinstance(each, Failure)]


def _reset(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("", request=request)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("profile", ["off", "balanced"])
@pytest.mark.parametrize(
    "upstream",
    [lambda _: httpx.Response(404, json={}), lambda _: httpx.Response(200, text='{"resourceType":'), _reset],
    ids=["404", "not FHIR", "reset"],
)
def test_a_request_that_failed_is_gone_without_the_collector(
    upstream: Callable[[httpx.Request], httpx.Response], profile: str, method: str
) -> None:
    settings = settings_for("http://upstream").model_copy(update={"cache": Cache(profile=profile)})

    async def failed() -> tuple[int, list[Failure]]:
        app = create_app(settings, transport=httpx.MockTransport(upstream))
        web = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw.example")
        headers = {**KEY, "content-type": "application/fhir+json", "cache-control": "no-cache"}
        path = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient"
        gc.collect()
        gc.disable()
        before = _failures()
        try:
            answer = await web.request(
                method, path, headers=headers, content=b"{}" if method == "POST" else b""
            )
            await asyncio.sleep(0)
            return answer.status_code, [each for each in _failures() if each not in before]
        finally:
            gc.enable()

    with capture_logs():
        status, left = asyncio.run(failed())
    assert (status in {404, 502, 504}, left) == (True, [])
