"""What practices, keys, cache and store are like now, as metrics: no key, GUID or patient in any."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.admin.site_status import KeyStatus, SiteStatusReader
from gateway.resilience.circuit import Circuit
from gateway.stores.base import StoreStats

#: Label values and their value.
Samples = Iterable[tuple[tuple[str, ...], float]]
_OTHER_CALLERS = "others"


async def site_families(status_reader: SiteStatusReader, aliases: Container[str]) -> list[Metric]:
    """How practices and keys are; a caller without an alias is one of the others, who share a line."""
    now, rests, load = status_reader.now(), await status_reader.circuits(), status_reader.load()
    spent, pauses = await status_reader.retry_usage(), await status_reader.pauses()
    every = dict.fromkeys((*load, *rests), Circuit()) | rests
    counts = {rule.id: 0 for rule in status_reader.pause_rules}
    for each in pauses.values():
        counts[each.rule] = counts.get(each.rule, 0) + 1

    def site_samples(values: Mapping[str, float]) -> Samples:
        return (((status_reader.site_name(guid),), value) for guid, value in values.items())

    return [
        _gauge_family(
            "circuit_open",
            "1 if the circuit breaker of the site is open, else 0",
            ("site",),
            site_samples({guid: float(rest.times_opened > 0) for guid, rest in every.items()}),
        ),
        _gauge_family(
            "circuit_open_remaining_seconds",
            "Seconds until an open circuit permits a trial request",
            ("site", "reason"),
            (
                ((status_reader.site_name(guid), rest.reason), rest.seconds_until_half_open(now))
                for guid, rest in rests.items()
                if rest.times_opened
            ),
        ),
        _gauge_family(
            "active_pauses",
            "Pauses in effect by rule",
            ("rule",),
            (((rule,), count) for rule, count in counts.items()),
        ),
        _gauge_family(
            "retries_last_hour",
            "Retries in the last hour",
            ("site",),
            site_samples({guid: each.retries for guid, each in spent.items()}),
        ),
        _gauge_family(
            "retry_budget_remaining",
            "Retries that the budget of the site still permits",
            ("site",),
            site_samples({guid: each.retries_left for guid, each in spent.items()}),
            min,
        ),
        _gauge_family(
            "upstream_requests_in_flight",
            "Upstream requests in flight",
            ("site",),
            site_samples({guid: running for guid, (running, _) in load.items()}),
            sum,
        ),
        _gauge_family(
            "bulkhead_queue_length",
            "Requests that wait for a place at the site",
            ("site",),
            site_samples({guid: waiting for guid, (_, waiting) in load.items()}),
            sum,
        ),
        *_key_families(await status_reader.key_statuses(), aliases),
    ]


def _key_families(keys: list[KeyStatus], aliases: Container[str]) -> list[Metric]:
    def key_samples(read_value: Callable[[KeyStatus], float | None]) -> Samples:
        values = (
            (each.caller if each.caller in aliases else _OTHER_CALLERS, read_value(each)) for each in keys
        )
        return (((caller,), value) for caller, value in values if value is not None)

    return [
        _gauge_family(
            "rate_limit_requests_per_second",
            "Requests per second that a key may send; for callers without an alias the lowest",
            ("caller",),
            key_samples(lambda each: each.requests_per_second),
            min,
        ),
        _gauge_family(
            "rate_limit_blocked_seconds",
            "Seconds until the rate limit of a key permits the next request",
            ("caller",),
            key_samples(lambda each: each.blocked_seconds),
        ),
        _gauge_family(
            "rate_limit_queue_length",
            "Requests that wait for the rate limit of their key",
            ("caller",),
            key_samples(lambda each: each.queue_length),
            sum,
        ),
    ]


def store_families(figures: StoreStats, outages: int, *, is_down: bool) -> list[Metric]:
    """What the store holds, as far as it says, and whether this process goes without the shared one."""
    given = {
        "cache_entries": ("Entries of the store: responses, locks and counters", figures.entries),
        "cache_bytes": ("Bytes that the store uses", figures.used_bytes),
        "cache_max_bytes": (
            "Maximum bytes that the store may use; 0 if there is no limit",
            figures.max_bytes,
        ),
        "shared_store_down": ("1 if the shared store is unavailable, else 0", float(is_down)),
    }
    gauges = [
        _gauge_family(name, says, (), [((), value)])
        for name, (says, value) in given.items()
        if value is not None
    ]
    lost = figures.evictions or 0
    return [
        *gauges,
        _counter_family("cache_evictions", "Entries evicted before they expired", (), [((), lost)]),
        _counter_family(
            "shared_store_outages", "Outages of the shared store since start", (), [((), outages)]
        ),
    ]


def cache_families(outcome_counts: Mapping[tuple[str, str], int], fetches_in_flight: int) -> list[Metric]:
    """What the cache did since start, and its queries under way."""
    counts = (((type_, outcome), count) for (type_, outcome), count in outcome_counts.items())
    return [
        _counter_family(
            "cache_requests",
            "Requests by resource type and outcome of the cache",
            ("type", "outcome"),
            counts,
        ),
        _gauge_family(
            "cache_fetches_in_flight",
            "Upstream requests in flight for the cache",
            (),
            [((), fetches_in_flight)],
        ),
    ]


def _gauge_family(
    name: str,
    description: str,
    labels: tuple[str, ...],
    samples: Samples,
    combine: Callable[[list[float]], float] = max,
) -> Metric:
    """A gauge; samples that share their labels, as practices of one alias do, are joined."""
    family, found = GaugeMetricFamily(f"halo_gateway_{name}", description, labels=labels), defaultdict(list)
    for values, value in samples:
        found[values].append(value)
    for values, several in found.items():
        family.add_metric(values, combine(several))
    return family


def _counter_family(name: str, description: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    family = CounterMetricFamily(f"halo_gateway_{name}", description, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
