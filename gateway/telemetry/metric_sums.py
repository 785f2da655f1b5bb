"""Sum of the metrics of several processes, as pages in Prometheus' text format."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

#: Types whose samples are counters: they are summed, and those of an ended process still count.
_COUNTER_TYPES: Final = frozenset({"counter", "histogram", "summary"})

Combine = Callable[[float, float], float]


def _sum(one: float, other: float) -> float:
    return one + other


#: Gauges that are no sum: what combines those of two workers, by the end of their names.
GAUGE_RULES: Final[Mapping[str, Combine]] = {
    "_created": min,
    "_ratio": max,
    "_remaining": min,
    "_seconds": max,
    "active_pauses": max,
    "build_info": max,
    "circuit_open": max,
    "known_issue_sites": max,
    "process_max_fds": min,
    "process_open_fds": max,  # the limit is that of each process
    "readiness_problem": max,
    "ready": min,
    "retries_last_hour": max,
    "shared_store_down": max,
}
#: Figures of the store, which all workers read from the same Redis.
SHARED_STORE_RULES: Final[Mapping[str, Combine]] = dict.fromkeys(
    (
        *("cache_entries", "cache_bytes", "cache_max_bytes", "cache_evictions", "cache_evictions_total"),
        "rate_limit_requests_per_second",
    ),
    max,
)
#: How many workers a page does not have the present figures of.
_MISSING_WORKERS: Final = (
    b"# HELP halo_gateway_workers_missing Workers that did not answer in time: of them, a page has the"
    b" counters that they last showed, if any, and no gauges\n# TYPE halo_gateway_workers_missing gauge\n"
    b"halo_gateway_workers_missing %d\n"
)


class _Family:
    """Comment lines of one family, and its samples by name and labels."""

    def __init__(self) -> None:
        self.comments: list[bytes] = []
        self.type = ""
        self.samples: dict[bytes, float] = {}


def summed_page(pages: Sequence[bytes], *, has_shared_store: bool = False) -> bytes:
    """Return the sums of pages by the name and the labels of each sample, in the order of the first page."""
    families: dict[bytes, _Family] = {}
    for page in pages:
        _add_page(families, page, has_shared_store)
    return _render(families.values())


def with_missing_workers(page: bytes, count: int) -> bytes:
    """Return a page that says how many workers it does not have the present figures of."""
    return page + _MISSING_WORKERS % count


def counters_of(page: bytes) -> bytes:
    """Return the counters and histograms of a page: what remains true of a process that has ended."""
    families: dict[bytes, _Family] = {}
    _add_page(families, page, has_shared_store=False)
    return _render(family for family in families.values() if family.type in _COUNTER_TYPES)


def _add_page(families: dict[bytes, _Family], page: bytes, has_shared_store: bool) -> None:
    known, family = set(families), _Family()
    combine: Combine = _sum
    for line in page.splitlines():
        if line.startswith(b"#"):
            _, kind, name, *rest = line.split(b" ", 3)
            family = families.setdefault(name, _Family())
            if kind == b"TYPE":
                family.type = rest[0].decode()
                combine = _rule_of(name.decode(), family.type, has_shared_store)
            if name not in known:
                family.comments.append(line)
        elif line:
            sample, _, value = line.rpartition(b" ")
            number, earlier = float(value), family.samples.get(sample)
            family.samples[sample] = number if earlier is None else combine(earlier, number)


def _rule_of(name: str, type_: str, has_shared_store: bool) -> Combine:
    rules = {**(GAUGE_RULES if type_ not in _COUNTER_TYPES else {})}
    if has_shared_store:
        rules |= SHARED_STORE_RULES
    return next((rule for end, rule in rules.items() if name.endswith(end)), _sum)


def _render(families: Iterable[_Family]) -> bytes:
    lines = [
        line
        for family in families
        for line in (
            *family.comments,
            *(b"%b %b" % (sample, repr(value).encode()) for sample, value in family.samples.items()),
        )
    ]
    return b"\n".join([*lines, b""])
