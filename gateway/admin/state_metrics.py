"""What practices, keys, cache and store are like now, as metrics: no key, GUID or patient in any."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.admin.site_status import KeyState, States
from gateway.resilience.circuit import Rest
from gateway.stores.base import Figures

#: Label values and their value.
Samples = Iterable[tuple[tuple[str, ...], float]]
_OTHERS = "others"


async def site_families(states: States, aliases: Container[str]) -> list[Metric]:
    """How practices and keys are; a caller without an alias is one of the others, who share a line."""
    now, rests, load = states.now(), await states.rests(), states.load()
    spent, pauses = await states.spent(), await states.pauses()
    every = dict.fromkeys((*load, *rests), Rest()) | rests
    counts = {rule.id: 0 for rule in states.rules}
    for each in pauses.values():
        counts[each.rule] = counts.get(each.rule, 0) + 1

    def named(found: Mapping[str, float]) -> Samples:
        return (((states.name(guid),), value) for guid, value in found.items())

    return [
        _gauge(
            "site_resting",
            "Whether the practice is left alone (1), or asked (0)",
            ("site",),
            named({guid: float(rest.rests > 0) for guid, rest in every.items()}),
        ),
        _gauge(
            "site_rest_seconds_left",
            "Seconds until a resting practice is asked again",
            ("site", "reason"),
            (
                ((states.name(guid), rest.reason), rest.left(now))
                for guid, rest in rests.items()
                if rest.rests
            ),
        ),
        _gauge("pauses", "Pauses in force", ("rule",), (((rule,), count) for rule, count in counts.items())),
        _gauge(
            "site_retries",
            "Retries in the last hour",
            ("site",),
            named({guid: each.retries for guid, each in spent.items()}),
        ),
        _gauge(
            "site_retries_left",
            "Retries that the budget still has",
            ("site",),
            named({guid: each.left for guid, each in spent.items()}),
            min,
        ),
        _gauge(
            "site_exchanges",
            "Exchanges under way",
            ("site",),
            named({guid: running for guid, (running, _) in load.items()}),
            sum,
        ),
        _gauge(
            "site_queue",
            "Requests that wait for the practice",
            ("site",),
            named({guid: waiting for guid, (_, waiting) in load.items()}),
            sum,
        ),
        *_keys(await states.keys(), aliases),
    ]


def _keys(keys: list[KeyState], aliases: Container[str]) -> list[Metric]:
    def shown(found: Callable[[KeyState], float | None]) -> Samples:
        values = ((each.caller if each.caller in aliases else _OTHERS, found(each)) for each in keys)
        return (((caller,), value) for caller, value in values if value is not None)

    return [
        _gauge(
            "key_rate",
            "Requests a second that a key may send; of others the slowest",
            ("caller",),
            shown(lambda each: each.rate),
            min,
        ),
        _gauge(
            "key_blocked_seconds",
            "Seconds until the upstream takes requests of a key again",
            ("caller",),
            shown(lambda each: each.blocked),
        ),
        _gauge(
            "key_queue",
            "Requests that wait for their key's rate",
            ("caller",),
            shown(lambda each: each.waiting),
            sum,
        ),
    ]


def store_families(figures: Figures, absences: int, *, away: bool) -> list[Metric]:
    """What the store holds, as far as it says, and whether this process goes without the shared one."""
    given = {
        "cache_entries": ("Answers kept, and other entries of the store", figures.entries),
        "cache_bytes": ("Bytes in use", figures.octets),
        "cache_max_bytes": ("Bytes that may be in use; 0 is no limit", figures.cap),
        "store_away": ("Whether the shared store is away (1)", float(away)),
    }
    gauges = [
        _gauge(name, says, (), [((), value)]) for name, (says, value) in given.items() if value is not None
    ]
    lost = figures.evicted or 0
    return [
        *gauges,
        _counter("cache_evictions", "Entries that had to go before their time", (), [((), lost)]),
        _counter("store_absences", "How often the shared store went away", (), [((), absences)]),
    ]


def cache_families(tally: Mapping[tuple[str, str], int], flights: int) -> list[Metric]:
    """What the cache did since start, and its queries under way."""
    counts = (((type_, outcome), count) for (type_, outcome), count in tally.items())
    return [
        _counter("cache_requests", "Requests by what the cache did", ("type", "outcome"), counts),
        _gauge("cache_flights", "Queries under way for the cache", (), [((), flights)]),
    ]


def _gauge(
    name: str,
    says: str,
    labels: tuple[str, ...],
    samples: Samples,
    joined: Callable[[list[float]], float] = max,
) -> Metric:
    """A gauge; samples that share their labels, as practices of one alias do, are joined."""
    family, found = GaugeMetricFamily(f"halo_gateway_{name}", says, labels=labels), defaultdict(list)
    for values, value in samples:
        found[values].append(value)
    for values, several in found.items():
        family.add_metric(values, joined(several))
    return family


def _counter(name: str, says: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    family = CounterMetricFamily(f"halo_gateway_{name}", says, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
