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
            "site_resting",
            "Whether the practice is left alone (1), or asked (0)",
            ("site",),
            site_samples({guid: float(rest.times_opened > 0) for guid, rest in every.items()}),
        ),
        _gauge_family(
            "site_rest_seconds_left",
            "Seconds until a resting practice is asked again",
            ("site", "reason"),
            (
                ((status_reader.site_name(guid), rest.reason), rest.seconds_until_half_open(now))
                for guid, rest in rests.items()
                if rest.times_opened
            ),
        ),
        _gauge_family(
            "pauses", "Pauses in force", ("rule",), (((rule,), count) for rule, count in counts.items())
        ),
        _gauge_family(
            "site_retries",
            "Retries in the last hour",
            ("site",),
            site_samples({guid: each.retries for guid, each in spent.items()}),
        ),
        _gauge_family(
            "site_retries_left",
            "Retries that the budget still has",
            ("site",),
            site_samples({guid: each.retries_left for guid, each in spent.items()}),
            min,
        ),
        _gauge_family(
            "site_exchanges",
            "Exchanges under way",
            ("site",),
            site_samples({guid: running for guid, (running, _) in load.items()}),
            sum,
        ),
        _gauge_family(
            "site_queue",
            "Requests that wait for the practice",
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
            "key_rate",
            "Requests a second that a key may send; of others the slowest",
            ("caller",),
            key_samples(lambda each: each.requests_per_second),
            min,
        ),
        _gauge_family(
            "key_blocked_seconds",
            "Seconds until the upstream takes requests of a key again",
            ("caller",),
            key_samples(lambda each: each.blocked_seconds),
        ),
        _gauge_family(
            "key_queue",
            "Requests that wait for their key's rate",
            ("caller",),
            key_samples(lambda each: each.queue_length),
            sum,
        ),
    ]


def store_families(figures: StoreStats, outages: int, *, is_down: bool) -> list[Metric]:
    """What the store holds, as far as it says, and whether this process goes without the shared one."""
    given = {
        "cache_entries": ("Answers kept, and other entries of the store", figures.entries),
        "cache_bytes": ("Bytes in use", figures.used_bytes),
        "cache_max_bytes": ("Bytes that may be in use; 0 is no limit", figures.max_bytes),
        "store_away": ("Whether the shared store is away (1)", float(is_down)),
    }
    gauges = [
        _gauge_family(name, says, (), [((), value)])
        for name, (says, value) in given.items()
        if value is not None
    ]
    lost = figures.evictions or 0
    return [
        *gauges,
        _counter_family("cache_evictions", "Entries that had to go before their time", (), [((), lost)]),
        _counter_family("store_absences", "How often the shared store went away", (), [((), outages)]),
    ]


def cache_families(outcome_counts: Mapping[tuple[str, str], int], fetches_in_flight: int) -> list[Metric]:
    """What the cache did since start, and its queries under way."""
    counts = (((type_, outcome), count) for (type_, outcome), count in outcome_counts.items())
    return [
        _counter_family("cache_requests", "Requests by what the cache did", ("type", "outcome"), counts),
        _gauge_family("cache_flights", "Queries under way for the cache", (), [((), fetches_in_flight)]),
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
