"""Metrics of this process in Prometheus format (`GET /metrics`), without patients, callers and keys."""

from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gateway.ledger.budgets import BudgetStatus
from gateway.ledger.caps import used_ratio
from gateway.ledger.cost import Attribution, CostClass
from gateway.ledger.daily_usage import CapStatus
from gateway.stores.single_flight import SingleFlight
from gateway.telemetry.service_metrics import BuildInfo
from gateway.thread_switching import frequent_switches

#: Upper bounds in seconds: Halo gives up after 30, the gateway after 35.
_DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 35)

#: Cost class, site and resource type -> requests, bytes.
RequestCounts = dict[tuple[CostClass, str, str], list[int]]
#: Site, repairs that changed a response, and those that examined it -> responses, and how many of them the
#: counter of each repair has.
RepairCounts = dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[int]]
#: App and cost class -> requests, bytes.
AppCounts = dict[tuple[str, CostClass], list[int]]
#: Makes the metrics of a state that was read; for any thread.
MakeFamilies = Callable[[], Iterable[Metric]]
#: Reads a state in the event loop.
StateReader = Callable[[], Awaitable[MakeFamilies]]


class Metrics:
    """Counters of this process, and the collectors of other components."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._state_readers: list[StateReader] = []
        self._renderings = SingleFlight[bytes](1)
        self._request_counts: RequestCounts = {}
        self._app_counts: AppCounts = {}
        self._repair_counts: RepairCounts = {}
        registry.register(_Flush(self._count_waiting_repairs))
        registry.register(_RequestCollector(self._request_counts))
        registry.register(_AppCollector(self._app_counts))
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
            "halo_gateway_errors", "Failed requests by error code", ("code", "site"), registry=registry
        )
        self._repairs = cache(
            Counter(
                "halo_gateway_repairs",
                "Upstream responses that a repair examined: fired if it changed something, else no-op",
                ("repair", "site", "outcome"),
                registry=registry,
            ).labels
        )
        self._sql_commands = Counter(
            "halo_gateway_sql_commands",
            "Commands of stored procedures: rewritten, resent, or why they were left alone",
            ("outcome",),
            registry=registry,
        )
        self._dropped_fields = Counter(
            "halo_gateway_upstream_fields_dropped",
            "Header fields of upstream responses that no HTTP response can contain",
            ("upstream",),
            registry=registry,
        )
        ProcessCollector(registry=registry)
        registry.register(BuildInfo())

    def count_requests(
        self, attribution: Attribution, cost: CostClass, octets: int, queries: int = 1
    ) -> None:
        """Count `queries` requests; `octets` is the total size of their responses."""
        key = cost, attribution.name, attribution.type
        amounts = self._request_counts.get(key)
        if amounts is None:
            self._request_counts[key] = [queries, octets]
        else:
            amounts[0] += queries
            amounts[1] += octets
        if attribution.app:
            self._count_app_requests(attribution.app, cost, octets, queries)

    def _count_app_requests(self, app: str, cost: CostClass, octets: int, queries: int) -> None:
        amounts = self._app_counts.setdefault((app, cost), [0, 0])
        amounts[0] += queries
        amounts[1] += octets

    def observe_upstream_seconds(self, attribution: Attribution, seconds: float) -> None:
        """Record the duration of an upstream request."""
        self._durations(attribution.name).observe(seconds)

    def count_failure(self, attribution: Attribution, code: str) -> None:
        """Count a failed request by its error code."""
        self._failures.labels(code, attribution.name).inc()

    def count_repairs(
        self, attribution: Attribution, fired_repairs: Sequence[str], active_repairs: Sequence[str]
    ) -> None:
        """Count the repairs that examined an upstream response, and those of them that changed it."""
        key = attribution.name, tuple(fired_repairs), tuple(active_repairs)
        amounts = self._repair_counts.get(key)
        if amounts is None:
            self._repair_counts[key] = [1, 0]
        else:
            amounts[0] += 1

    def _count_waiting_repairs(self) -> None:
        """Count each repair of the responses since the last scrape; in the scrape's thread."""
        for (site, fired, active), amounts in tuple(self._repair_counts.items()):
            total = amounts[0]
            count, amounts[1] = total - amounts[1], total
            for repair in active if count else ():
                self._repairs(repair, site, "fired" if repair in fired else "no-op").inc(count)

    def count_sql_command(self, outcome: str) -> None:
        """Count a command of a stored procedure by what became of it."""
        self._sql_commands.labels(outcome).inc()

    def count_dropped_fields(self, upstream: str, count: int) -> None:
        """Count header fields of an upstream's response that were not passed on."""
        self._dropped_fields.labels(upstream).inc(count)

    def register_caps(self, cap_statuses: Callable[[], Iterable[CapStatus]]) -> None:
        """Include the used share of each site's daily caps."""
        self._registry.register(_CapCollector(cap_statuses))

    def register_budgets(self, statuses: Callable[[], Iterable[BudgetStatus]]) -> None:
        """Include the used share of each app's budgets."""
        self._registry.register(_BudgetCollector(statuses))

    def register(self, collector: Collector) -> None:
        """Include the metrics of another collector, such as a cache's size."""
        self._registry.register(collector)

    def register_state(self, read_state: StateReader) -> None:
        """Include metrics that need an await, such as those of a shared store."""
        self._state_readers.append(read_state)

    async def endpoint(self, request: Request) -> Response:
        """Return the metrics in Prometheus' text format 0.0.4; concurrent requests share one rendering."""
        del request
        headers = {"content-type": CONTENT_TYPE_PLAIN_0_0_4, "cache-control": "no-store"}
        content, _ = await self._renderings.run("", self._render, lambda: None)
        return Response(content, headers=headers)

    async def _render(self) -> bytes:
        """Read the state, then render in a thread: 1,000 sites take longer than requests may wait."""
        states = [await read_state() for read_state in self._state_readers]
        with frequent_switches():
            return await run_in_threadpool(_render_all, self._registry, states)


class _StateCollector(Collector):
    """Families of the state that was read for one response."""

    def __init__(self, states: Iterable[MakeFamilies]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        for make_families in self._states:
            yield from make_families()


def _render_all(registry: CollectorRegistry, states: Iterable[MakeFamilies]) -> bytes:
    state_registry = CollectorRegistry()
    state_registry.register(_StateCollector(states))
    return generate_latest(registry) + generate_latest(state_registry)


class _Flush(Collector):
    """Counts what waits, before the collectors that are registered later read it."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush

    def collect(self) -> Iterator[Metric]:
        self._flush()
        yield from ()


class _RequestCollector(Collector):
    """Reads the counts when Prometheus scrapes, so that counting needs no look-up of labels."""

    def __init__(self, counts: RequestCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        requests = CounterMetricFamily(
            "halo_gateway_requests", "Requests by cost class", labels=("cost", "site", "type")
        )
        sizes: Counts[tuple[CostClass, str]] = Counts()
        for (cost, site, type_), (queries, size) in list(self._counts.items()):
            requests.add_metric((cost, site, type_), queries)
            sizes[cost, site] += size
        yield requests
        octets = CounterMetricFamily(
            "halo_gateway_response_bytes", "Bytes of responses by cost class", labels=("cost", "site")
        )
        for labels, size in sizes.items():
            octets.add_metric(labels, size)
        yield octets


class _AppCollector(Collector):
    """Requests and bytes by app; nothing if no apps are configured."""

    def __init__(self, counts: AppCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        if not self._counts:
            return
        labels = ("app", "class")
        requests = CounterMetricFamily(
            "halo_gateway_app_requests", "Requests by app and class", labels=labels
        )
        octets = CounterMetricFamily(
            "halo_gateway_app_response_bytes", "Bytes of responses by app and class", labels=labels
        )
        for key, (queries, size) in list(self._counts.items()):
            requests.add_metric(key, queries)
            octets.add_metric(key, size)
        yield from (requests, octets)


class _BudgetCollector(Collector):
    def __init__(self, statuses: Callable[[], Iterable[BudgetStatus]]) -> None:
        self._statuses = statuses

    def collect(self) -> Iterator[GaugeMetricFamily]:
        ratios = GaugeMetricFamily(
            "halo_gateway_app_budget_used_ratio",
            "Used share of an app's budget today or this month (1: used)",
            labels=("app", "budget"),
        )
        for status in self._statuses():
            ratios.add_metric((status.key.app, status.key.budget), status.ratio)
        yield ratios


class _CapCollector(Collector):
    def __init__(self, cap_statuses: Callable[[], Iterable[CapStatus]]) -> None:
        self._cap_statuses = cap_statuses

    def collect(self) -> Iterator[GaugeMetricFamily]:
        ratios = GaugeMetricFamily(
            "halo_gateway_cap_used_ratio",
            "Used share of the site's daily cap that is closest to its limit (1: cap reached)",
            labels=("site",),
        )
        for status in self._cap_statuses():
            ratios.add_metric((status.name,), used_ratio(status.cap, status.usage))
        yield ratios
