import asyncio
import re

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from support.asgi import scoped
from support.requests import GUID, NOW, SITE

from gateway.ledger.caps import DailyCap, Usage
from gateway.ledger.cost import Attribution, CostClass
from gateway.ledger.daily_usage import CapStatus
from gateway.telemetry.metrics import Metrics

SUBJECT = Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")


def shown(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Each sample by name and labels."""
    response = asyncio.run(metrics.endpoint(scoped("/metrics")))
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert response.headers["cache-control"] == "no-store"
    families = text_string_to_metric_families(bytes(response.body).decode())
    samples = [sample for family in families for sample in family.samples]
    return {(each.name, _labels(each.labels)): each.value for each in samples}


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def test_exchanges_are_counted_by_class_site_and_type() -> None:
    metrics = Metrics()
    metrics.count_requests(SUBJECT, CostClass.BILLED, 900)
    metrics.count_requests(SUBJECT, CostClass.HIT, 900)
    metrics.count_requests(SUBJECT, CostClass.HIT, 100)
    found = shown(metrics)
    assert found["halo_gateway_requests_total", "cost=billed,site=harbour,type=Patient"] == 1
    assert found["halo_gateway_requests_total", "cost=avoided:hit,site=harbour,type=Patient"] == 2
    assert found["halo_gateway_response_bytes_total", "cost=avoided:hit,site=harbour"] == 1_000


def test_many_exchanges_may_be_told_at_once() -> None:
    metrics = Metrics()
    metrics.count_requests(SUBJECT, CostClass.HIT, 5_000, 50)
    metrics.count_requests(SUBJECT._replace(type="Slot"), CostClass.HIT, 1)
    found = shown(metrics)
    assert found["halo_gateway_requests_total", "cost=avoided:hit,site=harbour,type=Patient"] == 50
    assert found["halo_gateway_response_bytes_total", "cost=avoided:hit,site=harbour"] == 5_001


def test_the_time_upstream_is_a_histogram_by_site() -> None:
    metrics = Metrics()
    metrics.observe_upstream_seconds(SUBJECT, 0.3)
    found = shown(metrics)
    assert found["halo_gateway_upstream_request_duration_seconds_count", "site=harbour"] == 1
    assert found["halo_gateway_upstream_request_duration_seconds_bucket", "le=0.25,site=harbour"] == 0
    assert found["halo_gateway_upstream_request_duration_seconds_bucket", "le=0.5,site=harbour"] == 1


def test_failures_are_counted_by_code_and_repairs_by_whether_they_fired() -> None:
    metrics = Metrics()
    metrics.count_failure(SUBJECT, "practice-offline")
    metrics.count_repairs(SUBJECT, ("link-base-url",), ("link-base-url", "last-updated-offset"))
    metrics.count_repairs(SUBJECT, (), ("link-base-url",))
    found = shown(metrics)
    assert found["halo_gateway_errors_total", "code=practice-offline,site=harbour"] == 1
    assert found["halo_gateway_repairs_total", "outcome=fired,repair=link-base-url,site=harbour"] == 1
    assert found["halo_gateway_repairs_total", "outcome=no-op,repair=link-base-url,site=harbour"] == 1
    assert found["halo_gateway_repairs_total", "outcome=no-op,repair=last-updated-offset,site=harbour"] == 1


def test_no_metric_names_a_caller_or_a_guid() -> None:
    metrics = Metrics()
    metrics.count_requests(SUBJECT, CostClass.BILLED, 900)
    metrics.count_failure(SUBJECT, "practice-offline")
    assert not [key for key in shown(metrics) if re.search(rf"c0ffee00|{GUID}", str(key))]


class _Entries(Collector):
    def collect(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("halo_gateway_cache_entries", "Entries", value=3)]


def test_caps_and_other_collectors_are_shown_as_they_stand() -> None:
    metrics = Metrics()
    standing = CapStatus(GUID, "harbour", DailyCap(queries=100), Usage(NOW, 80), None)
    metrics.register_caps(lambda: [standing])
    metrics.register(_Entries())
    found = shown(metrics)
    assert found["halo_gateway_cap_used_ratio", "site=harbour"] == 0.8
    assert found["halo_gateway_cache_entries", ""] == 3


def test_what_has_to_be_asked_for_is_asked_with_each_look() -> None:
    metrics, held = Metrics(), [1.0]

    async def families() -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("halo_gateway_cache_bytes", "Bytes", value=held[0])]

    metrics.register_async(families)
    held[0] = 7
    assert shown(metrics)["halo_gateway_cache_bytes", ""] == 7
