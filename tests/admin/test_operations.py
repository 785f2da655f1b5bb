import asyncio
from collections.abc import Mapping
from typing import Any

from prometheus_client.metrics_core import Metric
from structlog.testing import capture_logs
from support.cache import Practice, status
from support.requests import GUID, NOW
from support.site_status import Watched

from gateway.admin.operations import Operations
from gateway.stores.base import Store, StoreStats
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore


def operated(store: Store, watched: Watched | None = None, **built: Any) -> Operations:
    found = watched or Watched()
    return Operations(found.settings, store, b"s", lambda _: None, lambda: NOW, **built)


class Away(MemoryStore):
    """A shared store that cannot be reached."""

    async def get(self, name: str) -> bytes | None:
        raise ConnectionError(name)

    async def problem(self) -> str:
        return "away"

    async def read_stats(self) -> StoreStats:
        return StoreStats("redis")


def value(families: list[Metric], name: str) -> float:
    (found,) = [each for each in families if each.name == f"halo_gateway_{name}"]
    (sample,) = found.samples
    return sample.value


def test_the_statistics_say_what_is_kept_and_what_that_did() -> None:
    store = MemoryStore(10_000)
    found = operated(store, outcome_counts={("Patient", "hit"): 2})

    async def scene() -> Mapping[str, Any]:
        await store.set("a", b"1", 60)
        return await found.cache_statistics()

    assert asyncio.run(scene()) == {
        "profile": "balanced",
        "store": {
            "kind": "embedded",
            "entries": 1,
            "bytes": 601,
            "maxBytes": 10_000,
            "evicted": 0,
            "problem": None,
            "absences": 0,
        },
        "prepared": {"entries": 0, "bytes": 0, "maxBytes": 0},
        "flights": 0,
        "requests": {"hit": 2},
        "types": {"Patient": {"hit": 2}},
    }


def test_a_shared_store_that_is_away_shows_in_figures_and_metrics() -> None:
    async def scene() -> None:
        store = FallbackStore(Away(), MemoryStore, probe_interval=60)
        found = operated(store)
        assert value(await found.metric_families(), "shared_store_down") == 0
        with capture_logs() as lines:
            await store.get("a")
            await store.get("b")
        assert [line["event"] for line in lines] == ["shared-store-down"]
        shown = (await found.cache_statistics())["store"]
        assert (shown["kind"], shown["absences"]) == ("embedded", 1)
        assert "using in-process memory" in shown["problem"]
        families = await found.metric_families()
        assert (value(families, "shared_store_down"), value(families, "shared_store_outages")) == (1, 1)
        await store.aclose()

    asyncio.run(scene())


def test_a_purge_of_a_patient_reaches_every_cache_and_leaves_others() -> None:
    async def scene() -> None:
        practices = [Practice(), Practice()]
        found = operated(MemoryStore(), response_caches=[each.cached for each in practices])
        for practice in practices:
            await practice.get("Patient/1")
            await practice.get("Practitioner/5")
        await found.purge_responses(GUID, "", "2")
        assert all(["hit" in status(await each.get("Patient/1")) for each in practices])
        await found.purge_responses(GUID, "", "1")
        assert not any(["hit" in status(await each.get("Patient/1")) for each in practices])

    asyncio.run(scene())


def test_practices_are_among_the_metrics_once_something_asks_them() -> None:
    async def scene() -> None:
        watched = Watched()
        found = operated(watched.store, watched)
        assert "halo_gateway_circuit_open" not in {each.name for each in await found.metric_families()}
        found = operated(watched.store, watched, upstream_handlers=[watched.handlers])
        assert "halo_gateway_circuit_open" in {each.name for each in await found.metric_families()}

    asyncio.run(scene())
