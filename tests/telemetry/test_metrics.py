"""Metrics in Prometheus format."""

import asyncio
import re
import sys
import threading

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from support.asgi import asgi_request
from support.requests import GUID, NOW, SITE

from gateway.ledger.budgets import BudgetKey, BudgetStatus
from gateway.ledger.caps import DailyCap, Usage
from gateway.ledger.cost import Attribution, CostClass
from gateway.ledger.daily_usage import CapStatus
from gateway.telemetry.metrics import MakeFamilies, Metrics

ATTRIBUTION = Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")
pytestmark = pytest.mark.anyio


async def samples_of(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Samples by name and labels."""
    response = await metrics.endpoint(asgi_request("/metrics"))
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert response.headers["cache-control"] == "no-store"
    families = text_string_to_metric_families(bytes(response.body).decode())
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, _labels(sample.labels)): sample.value for sample in samples}


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


async def test_requests_are_counted_by_cost_site_and_type() -> None:
    metrics = Metrics()
    metrics.count_requests(ATTRIBUTION, CostClass.BILLED, 900)
    metrics.count_requests(ATTRIBUTION, CostClass.HIT, 900)
    metrics.count_requests(ATTRIBUTION, CostClass.HIT, 100)
    samples = await samples_of(metrics)
    assert samples["halo_gateway_requests_total", "cost=billed,site=harbour,type=Patient"] == 1
    assert samples["halo_gateway_requests_total", "cost=avoided:hit,site=harbour,type=Patient"] == 2
    assert samples["halo_gateway_response_bytes_total", "cost=avoided:hit,site=harbour"] == 1_000


async def test_many_requests_may_be_counted_at_once() -> None:
    metrics = Metrics()
    metrics.count_requests(ATTRIBUTION, CostClass.HIT, 5_000, 50)
    metrics.count_requests(ATTRIBUTION._replace(type="Slot"), CostClass.HIT, 1)
    samples = await samples_of(metrics)
    assert samples["halo_gateway_requests_total", "cost=avoided:hit,site=harbour,type=Patient"] == 50
    assert samples["halo_gateway_response_bytes_total", "cost=avoided:hit,site=harbour"] == 5_001


async def test_requests_are_counted_by_app_only_if_there_are_apps() -> None:
    metrics = Metrics()
    metrics.count_requests(ATTRIBUTION, CostClass.BILLED, 900)
    assert not any("_app_" in name for name, _ in await samples_of(metrics))
    metrics.count_requests(ATTRIBUTION._replace(app="board"), CostClass.HIT, 900, 3)
    metrics.count_requests(ATTRIBUTION._replace(app="board", type="Slot"), CostClass.HIT, 100)
    samples = await samples_of(metrics)
    assert samples["halo_gateway_app_requests_total", "app=board,class=avoided:hit"] == 4
    assert samples["halo_gateway_app_response_bytes_total", "app=board,class=avoided:hit"] == 1_000


async def test_used_share_of_budgets_is_a_gauge() -> None:
    metrics = Metrics()
    key = BudgetKey("board", "queries_per_day", "2026-07-01")
    metrics.register_budgets(lambda: [BudgetStatus(key, 8, 10, is_hard=False, resets_at=NOW)])
    samples = await samples_of(metrics)
    assert samples["halo_gateway_app_budget_used_ratio", "app=board,budget=queries_per_day"] == 0.8


async def test_upstream_duration_is_a_histogram_by_site() -> None:
    metrics = Metrics()
    metrics.observe_upstream_seconds(ATTRIBUTION, 0.3)
    samples = await samples_of(metrics)
    assert samples["halo_gateway_upstream_request_duration_seconds_count", "site=harbour"] == 1
    assert samples["halo_gateway_upstream_request_duration_seconds_bucket", "le=0.25,site=harbour"] == 0
    assert samples["halo_gateway_upstream_request_duration_seconds_bucket", "le=0.5,site=harbour"] == 1


async def test_failures_and_repairs_are_counted() -> None:
    metrics = Metrics()
    metrics.count_failure(ATTRIBUTION, "practice-offline")
    metrics.count_repairs(ATTRIBUTION, ("link-base-url",), ("link-base-url", "last-updated-offset"))
    metrics.count_repairs(ATTRIBUTION, (), ("link-base-url",))
    samples = await samples_of(metrics)
    assert samples["halo_gateway_errors_total", "code=practice-offline,site=harbour"] == 1
    assert samples["halo_gateway_repairs_total", "outcome=fired,repair=link-base-url,site=harbour"] == 1
    assert samples["halo_gateway_repairs_total", "outcome=no-op,repair=link-base-url,site=harbour"] == 1
    assert samples["halo_gateway_repairs_total", "outcome=no-op,repair=last-updated-offset,site=harbour"] == 1


async def test_repairs_of_each_scrape_are_added_to_those_before() -> None:
    metrics, name = Metrics(), ("halo_gateway_repairs_total", "outcome=no-op,repair=a,site=harbour")
    for count in (1, 2):
        metrics.count_repairs(ATTRIBUTION, (), ("a",))
        assert [(await samples_of(metrics))[name] for _ in range(2)] == [count, count]


async def test_metrics_contain_neither_caller_nor_guid() -> None:
    metrics = Metrics()
    metrics.count_requests(ATTRIBUTION, CostClass.BILLED, 900)
    metrics.count_failure(ATTRIBUTION, "practice-offline")
    assert not [key for key in await samples_of(metrics) if re.search(rf"c0ffee00|{GUID}", str(key))]


class _CacheEntries(Collector):
    def collect(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("halo_gateway_cache_entries", "Entries", value=3)]


async def test_caps_and_registered_collectors_are_included() -> None:
    metrics = Metrics()
    cap_status = CapStatus(GUID, "harbour", DailyCap(queries=100), Usage(NOW, 80), None)
    metrics.register_caps(lambda: [cap_status])
    metrics.register(_CacheEntries())
    samples = await samples_of(metrics)
    assert samples["halo_gateway_cap_used_ratio", "site=harbour"] == 0.8
    assert samples["halo_gateway_cache_entries", ""] == 3


async def test_state_is_read_for_each_response_rendered_in_a_thread() -> None:
    metrics, cache_bytes, threads = Metrics(), [1.0], set[int]()

    def make_families() -> list[GaugeMetricFamily]:
        threads.add(threading.get_ident())
        return [GaugeMetricFamily("halo_gateway_cache_bytes", "Bytes", value=cache_bytes[0])]

    async def read_state() -> MakeFamilies:
        return make_families

    metrics.register_state(read_state)
    cache_bytes[0] = 7
    assert (await samples_of(metrics))["halo_gateway_cache_bytes", ""] == 7
    assert threading.get_ident() not in threads


async def test_dropped_fields_of_upstreams_are_counted() -> None:
    metrics = Metrics()
    metrics.count_dropped_fields("halo-connect", 2)
    samples = await samples_of(metrics)
    assert samples["halo_gateway_upstream_fields_dropped_total", "upstream=halo-connect"] == 2


async def test_commands_of_stored_procedures_are_counted_by_outcome() -> None:
    metrics = Metrics()
    metrics.count_sql_command("rewritten")
    assert (await samples_of(metrics))["halo_gateway_sql_commands_total", "outcome=rewritten"] == 1


async def test_rendering_yields_more_often_and_nothing_else_does() -> None:
    usual, during = sys.getswitchinterval(), list[float]()

    async def read_state() -> MakeFamilies:
        return lambda: during.append(sys.getswitchinterval()) or ()

    metrics = Metrics()
    metrics.register_state(read_state)
    await samples_of(metrics)
    assert min(during) < usual / 5
    assert sys.getswitchinterval() == usual


async def test_concurrent_scrapes_share_one_rendering() -> None:
    metrics, reads = Metrics(), list[int]()

    async def read_state() -> MakeFamilies:
        reads.append(1)
        return lambda: ()

    metrics.register_state(read_state)
    responses = await asyncio.gather(*(metrics.endpoint(asgi_request("/metrics")) for _ in range(20)))
    assert (len(reads), len({bytes(response.body) for response in responses})) == (1, 1)
