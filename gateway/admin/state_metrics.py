"""State of sites, keys, cache and store as metrics, without keys, GUIDs or patient data."""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from itertools import product
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.admin.site_status import KeyStatus, SiteStatusReader
from gateway.http.proved_callers import UNPROVED
from gateway.resilience.circuit import Circuit
from gateway.resilience.pause_rules import Pause
from gateway.resilience.retry_budget import RetryUsage
from gateway.sites.issue_states import STATE_NAMES, SiteIssues
from gateway.stores.base import StoreStats

#: Label values and the value of each sample.
Samples = Iterable[tuple[tuple[str, ...], float]]
_OTHER_CALLERS = "others"


class _SiteGauge(NamedTuple):
    """One gauge per site: its values by GUID, and what combines those of sites with one alias."""

    name: str
    description: str
    combine: Callable[[list[float]], float]
    values: Mapping[str, float]


class SiteStates(NamedTuple):
    """State of all sites and keys at one time: by GUID, by name of a pause, and the keys."""

    circuits: Mapping[str, Circuit]
    load: Mapping[str, tuple[int, int]]
    retry_usage: Mapping[str, RetryUsage]
    pauses: Mapping[str, Pause]
    keys: list[KeyStatus]
    known_issues: Mapping[tuple[str, str], int]


async def read_site_states(status_reader: SiteStatusReader) -> SiteStates:
    """Read the state of all sites and keys."""
    return SiteStates(
        await status_reader.circuits(),
        status_reader.load(),
        await status_reader.retry_usage(),
        await status_reader.pauses(),
        await status_reader.key_statuses(),
        _count_issue_states(status_reader.issue_ids, status_reader.local_site_issues()),
    )


def _count_issue_states(ids: Iterable[str], sites: Iterable[SiteIssues]) -> Mapping[tuple[str, str], int]:
    """Count sites by known issue and state."""
    counts: Counter[tuple[str, str]] = Counter(dict.fromkeys(product(ids, STATE_NAMES), 0))
    counts.update((each.issue, each.state) for site in sites for each in site.states)
    return counts


def site_families(
    status_reader: SiteStatusReader, states: SiteStates, aliases: Container[str]
) -> list[Metric]:
    """Metrics of sites and keys.

    Callers without an alias share the label `others`, and sites without a name the label `unproved`.
    """
    gauges = [
        _circuit_gauge(states.circuits, states.load, status_reader.now()),
        *_retry_gauges(states.retry_usage),
        *_load_gauges(states.load),
    ]
    return [
        *(_site_family(status_reader, gauge) for gauge in gauges),
        _open_circuits(status_reader, states.circuits),
        _active_pauses(status_reader, states.pauses),
        _gauge_family(
            "known_issue_sites",
            "Sites by known issue and its state: broken, right, unknown",
            ("issue", "state"),
            states.known_issues.items(),
        ),
        *_key_families(states.keys, aliases),
    ]


def _site_label(status_reader: SiteStatusReader, guid: str) -> str:
    return status_reader.site_name(guid) if status_reader.has_name(guid) else UNPROVED


def _circuit_gauge(circuits: Mapping[str, Circuit], load: Iterable[str], now: float) -> _SiteGauge:
    all_circuits = dict.fromkeys((*load, *circuits), Circuit()) | dict(circuits)
    is_open = {guid: float(circuit.state(now) == "open") for guid, circuit in all_circuits.items()}
    text = "1 if the circuit of the site, or of a caller there, is open; else 0, also if it is half-open"
    return _SiteGauge("circuit_open", text, max, is_open)


def _retry_gauges(usages: Mapping[str, RetryUsage]) -> list[_SiteGauge]:
    retries = {guid: usage.retries for guid, usage in usages.items()}
    remaining = {guid: usage.retries_left for guid, usage in usages.items()}
    text = "Retries that the budget of the site still permits"
    return [
        _SiteGauge("retries_last_hour", "Retries in the last hour", max, retries),
        _SiteGauge("retry_budget_remaining", text, min, remaining),
    ]


def _load_gauges(load: Mapping[str, tuple[int, int]]) -> list[_SiteGauge]:
    running = {guid: in_flight for guid, (in_flight, _) in load.items()}
    waiting = {guid: queue_length for guid, (_, queue_length) in load.items()}
    text = "Requests that wait for a place at the site"
    return [
        _SiteGauge("upstream_requests_in_flight", "Upstream requests in flight", sum, running),
        _SiteGauge("bulkhead_queue_length", text, sum, waiting),
    ]


def _site_family(status_reader: SiteStatusReader, gauge: _SiteGauge) -> Metric:
    samples = (((_site_label(status_reader, guid),), value) for guid, value in gauge.values.items())
    return _gauge_family(gauge.name, gauge.description, ("site",), samples, gauge.combine)


def _open_circuits(status_reader: SiteStatusReader, circuits: Mapping[str, Circuit]) -> Metric:
    now = status_reader.now()
    samples = (
        ((_site_label(status_reader, guid), circuit.reason), circuit.seconds_until_half_open(now))
        for guid, circuit in circuits.items()
        if circuit.times_opened
    )
    text = "Seconds until a circuit that has opened permits a trial request; 0 from then until it closes"
    return _gauge_family("circuit_open_remaining_seconds", text, ("site", "reason"), samples)


def _active_pauses(status_reader: SiteStatusReader, pauses: Mapping[str, Pause]) -> Metric:
    counts = Counter({rule.id: 0 for rule in status_reader.pause_rules})
    counts.update(pause.rule for pause in pauses.values())
    samples = (((rule,), count) for rule, count in counts.items())
    return _gauge_family("active_pauses", "Pauses in effect by rule", ("rule",), samples)


def _key_families(keys: list[KeyStatus], aliases: Container[str]) -> list[Metric]:
    def key_samples(read_value: Callable[[KeyStatus], float | None]) -> Samples:
        values = ((key.caller if key.caller in aliases else _OTHER_CALLERS, read_value(key)) for key in keys)
        return (((caller,), value) for caller, value in values if value is not None)

    return [
        _gauge_family(
            "rate_limit_requests_per_second",
            "Requests per second that a key may send; for callers without an alias the lowest",
            ("caller",),
            key_samples(lambda key: key.requests_per_second),
            min,
        ),
        _gauge_family(
            "rate_limit_blocked_seconds",
            "Seconds until the rate limit of a key permits the next request",
            ("caller",),
            key_samples(lambda key: key.blocked_seconds),
        ),
        _gauge_family(
            "rate_limit_queue_length",
            "Requests that wait for the rate limit of their key",
            ("caller",),
            key_samples(lambda key: key.queue_length),
            sum,
        ),
    ]


def store_families(stats: StoreStats, outages: int, *, is_down: bool) -> list[Metric]:
    """Metrics of the store, as far as it reports them, and of outages of the shared store."""
    values = {
        "cache_entries": ("Entries of the store: responses, locks and counters", stats.entries),
        "cache_bytes": ("Bytes that the store uses", stats.used_bytes),
        "cache_max_bytes": (
            "Maximum bytes that the store may use; 0 if there is no limit",
            stats.max_bytes,
        ),
        "shared_store_down": ("1 if the shared store is unavailable, else 0", float(is_down)),
    }
    gauges = [
        _gauge_family(name, description, (), [((), value)])
        for name, (description, value) in values.items()
        if value is not None
    ]
    evictions = stats.evictions or 0
    return [
        *gauges,
        _counter_family("cache_evictions", "Entries evicted before they expired", (), [((), evictions)]),
        _counter_family(
            "shared_store_outages", "Outages of the shared store since start", (), [((), outages)]
        ),
    ]


def cache_families(outcome_counts: Mapping[tuple[str, str], int], fetches_in_flight: int) -> list[Metric]:
    """Metrics of cache outcomes since start, and of upstream requests in flight for the cache."""
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
    """Build a gauge; `combine` joins samples with equal labels, such as practices with one alias."""
    family = GaugeMetricFamily(f"halo_gateway_{name}", description, labels=labels)
    values_by_labels = defaultdict(list)
    for label_values, value in samples:
        values_by_labels[label_values].append(value)
    for label_values, values in values_by_labels.items():
        family.add_metric(label_values, combine(values))
    return family


def _counter_family(name: str, description: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    family = CounterMetricFamily(f"halo_gateway_{name}", description, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
