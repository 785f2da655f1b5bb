"""`GET /metrics`: the figures of this process as Prometheus reads them. No patient, caller or key in any."""

from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from gateway.ledger.caps import used_ratio
from gateway.ledger.cost import Attribution, CostClass
from gateway.ledger.daily_usage import CapStatus

#: Halo gives up at 30 seconds, the gateway at 35.
_DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 35)


#: Class, site and resource type -> exchanges, bytes.
RequestCounts = dict[tuple[CostClass, str, str], list[int]]


class Metrics:
    """Monotonic counters, raised where things happen."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._async_sources: list[Callable[[], Awaitable[Iterable[Metric]]]] = []
        self._request_counts: RequestCounts = {}
        registry.register(_RequestCollector(self._request_counts))
        self._durations = cache(
            Histogram(
                "halo_gateway_upstream_request_duration_seconds",
                "Duration of one upstream request, in seconds",
                ("site",),
                buckets=_DURATION_BUCKETS,
                registry=registry,
            ).labels
        )
        self._failures = Counter(
            "halo_gateway_errors", "Requests that failed, by error code", ("code", "site"), registry=registry
        )
        self._repairs = cache(
            Counter(
                "halo_gateway_repairs",
                "Upstream responses that a repair examined: fired if it changed something, else no-op",
                ("repair", "site", "outcome"),
                registry=registry,
            ).labels
        )
        ProcessCollector(registry=registry)

    def count_requests(
        self, attribution: Attribution, cost: CostClass, octets: int, queries: int = 1
    ) -> None:
        """Exchanges, and all their bytes."""
        key = cost, attribution.name, attribution.type
        amounts = self._request_counts.get(key)
        if amounts is None:
            self._request_counts[key] = [queries, octets]
        else:
            amounts[0] += queries
            amounts[1] += octets

    def observe_upstream_seconds(self, attribution: Attribution, seconds: float) -> None:
        """How long the upstream was asked."""
        self._durations(attribution.name).observe(seconds)

    def count_failure(self, attribution: Attribution, code: str) -> None:
        """A request that failed, by our code."""
        self._failures.labels(code, attribution.name).inc()

    def count_repairs(
        self, attribution: Attribution, fired_repairs: Sequence[str], active_repairs: Sequence[str]
    ) -> None:
        """Which repairs looked at an upstream's answer, and which of them found something to mend."""
        for name in active_repairs:
            self._repairs(name, attribution.name, "fired" if name in fired_repairs else "no-op").inc()

    def register_caps(self, cap_statuses: Callable[[], Iterable[CapStatus]]) -> None:
        """Show also how much of each site's daily caps is used."""
        self._registry.register(_CapCollector(cap_statuses))

    def register(self, collector: Collector) -> None:
        """Show also what another collector knows, such as a cache's size."""
        self._registry.register(collector)

    def register_async(self, families: Callable[[], Awaitable[Iterable[Metric]]]) -> None:
        """Show also what has to be asked for, such as what a shared store knows."""
        self._async_sources.append(families)

    async def endpoint(self, request: Request) -> Response:
        """The metrics in Prometheus' text format 0.0.4."""
        del request
        headers = {"content-type": CONTENT_TYPE_PLAIN_0_0_4, "cache-control": "no-store"}
        now = CollectorRegistry()
        now.register(
            _FamilySnapshot([family for families in self._async_sources for family in await families()])
        )
        return Response(generate_latest(self._registry) + generate_latest(now), headers=headers)


class _FamilySnapshot(Collector):
    """Families that were asked for just now."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class _RequestCollector(Collector):
    """Reads the counts when it is asked, so that counting needs no look-up of labels."""

    def __init__(self, counts: RequestCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        exchanges = CounterMetricFamily(
            "halo_gateway_requests",
            "Requests by cost class",
            labels=("cost", "site", "type"),
        )
        octets: Counts[tuple[CostClass, str]] = Counts()
        for (cost, site, kind), (queries, size) in list(self._counts.items()):
            exchanges.add_metric((cost, site, kind), queries)
            octets[cost, site] += size
        yield exchanges
        sizes = CounterMetricFamily(
            "halo_gateway_response_bytes",
            "Bytes of responses by cost class",
            labels=("cost", "site"),
        )
        for labels, size in octets.items():
            sizes.add_metric(labels, size)
        yield sizes


class _CapCollector(Collector):
    def __init__(self, cap_statuses: Callable[[], Iterable[CapStatus]]) -> None:
        self._cap_statuses = cap_statuses

    def collect(self) -> Iterator[GaugeMetricFamily]:
        used = GaugeMetricFamily(
            "halo_gateway_cap_used_ratio",
            "Used share of the daily cap that is nearer to its limit",
            labels=("site",),
        )
        for each in self._cap_statuses():
            used.add_metric((each.name,), used_ratio(each.cap, each.usage))
        yield used
