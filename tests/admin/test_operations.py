"""Statistics, metrics and purges of a process."""

from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from structlog.testing import capture_logs
from support.cache import Practice, status
from support.operators import issue, route_response
from support.requests import GUID, NOW
from support.site_status import OFFLINE, STRANGE, FaultyUpstream

from gateway.admin.operations import Operations
from gateway.stores.base import Store, StoreStats
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio


def operations(store: Store, halo: FaultyUpstream | None = None, **parts: Any) -> Operations:
    halo = halo or FaultyUpstream()
    return Operations(halo.settings, store, [b"s"], lambda _: None, lambda: NOW, **parts)


class UnreachableStore(MemoryStore):
    """A shared store that cannot be reached."""

    async def get(self, name: str) -> bytes | None:
        raise ConnectionError(name)

    async def problem(self) -> str:
        return "unreachable"

    async def read_stats(self) -> StoreStats:
        return StoreStats("redis")


def value(families: list[Metric], name: str) -> float:
    (family,) = [family for family in families if family.name == f"halo_gateway_{name}"]
    (sample,) = family.samples
    return sample.value


async def test_statistics_contain_store_and_outcomes() -> None:
    store = MemoryStore(10_000)
    await store.set("a", b"1", 60)
    assert await operations(store, outcome_counts={("Patient", "hit"): 2}).cache_statistics() == {
        "profile": "balanced",
        "store": {
            "kind": "embedded",
            "entries": 1,
            "bytes": 601,
            "maxBytes": 10_000,
            "evicted": 0,
            "problem": None,
            "outages": 0,
        },
        "prepared": {"entries": 0, "bytes": 0, "maxBytes": 0},
        "fetchesInFlight": 0,
        "requests": {"hit": 2},
        "types": {"Patient": {"hit": 2}},
    }


async def test_unreachable_shared_store_is_in_statistics_and_metrics() -> None:
    store = FallbackStore(UnreachableStore(), MemoryStore, probe_interval=60)
    process = operations(store)
    assert value((await process.read_metrics())(), "shared_store_down") == 0
    with capture_logs() as lines:
        await store.get("a")
        await store.get("b")
    assert [line["event"] for line in lines] == ["shared-store-down"]
    stats = (await process.cache_statistics())["store"]
    assert (stats["kind"], stats["outages"]) == ("embedded", 1)
    assert "using in-process memory" in stats["problem"]
    families = (await process.read_metrics())()
    assert (value(families, "shared_store_down"), value(families, "shared_store_outages")) == (1, 1)
    await store.aclose()


async def test_patient_purge_reaches_every_cache() -> None:
    practices = [Practice(), Practice()]
    process = operations(MemoryStore(), response_caches=[practice.cache for practice in practices])
    for practice in practices:
        await practice.get("Patient/1")
        await practice.get("Practitioner/5")
    await process.purge_responses(GUID, "", "2")
    assert all(["hit" in status(await practice.get("Patient/1")) for practice in practices])
    await process.purge_responses(GUID, "", "1")
    assert not any(["hit" in status(await practice.get("Patient/1")) for practice in practices])


async def test_site_metrics_need_an_upstream() -> None:
    halo = FaultyUpstream()
    families = (await operations(halo.store, halo).read_metrics())()
    assert "halo_gateway_circuit_open" not in {family.name for family in families}
    process = operations(halo.store, halo, upstream_handlers=[halo.handlers])
    families = (await process.read_metrics())()
    assert "halo_gateway_circuit_open" in {family.name for family in families}


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", "/admin/sites?site={}", ""),
        ("GET", "/admin/history?site={}", ""),
        ("GET", "/admin/ledger?site={}", ""),
        ("GET", "/admin/ledger?by=app&site={}", ""),
        ("POST", "/admin/sites/{}/reset", ""),
        ("POST", "/admin/purge", '{{"site":"{}"}}'),
    ],
)
async def test_mistyped_guid_is_refused_alike(method: str, path: str, content: str) -> None:
    halo = FaultyUpstream()
    process = operations(halo.store, halo, upstream_handlers=[halo.handlers])
    routes = process.admin_endpoints(lambda *_: [], list).admin_port_routes()
    for site, expected in ((GUID, 200), (STRANGE, 400), ("elsewhere", 400)):
        response = await route_response(routes, method, path.format(site), content.format(site).encode())
        assert response.status_code == expected
        if site == STRANGE:
            assert issue(response)["details"]["text"].endswith("correct the GUID.")


async def test_practice_in_trouble_is_known_without_configuration() -> None:
    halo = FaultyUpstream()
    await halo.fail_once(OFFLINE, guid=STRANGE)
    process = operations(halo.store, halo, upstream_handlers=[halo.handlers])
    routes = process.admin_endpoints(lambda *_: [], list).admin_port_routes()
    for method, path in (("GET", "sites?site={}"), ("GET", "history?site={}"), ("POST", "sites/{}/reset")):
        assert (await route_response(routes, method, f"/admin/{path.format(STRANGE)}")).status_code == 200
    assert (await route_response(routes, "GET", f"/admin/sites?site={STRANGE}")).status_code == 400
