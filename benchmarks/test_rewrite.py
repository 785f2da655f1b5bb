"""The median time of planning one date parameter, with and without what earlier searches left in memory."""

from collections.abc import Callable
from statistics import median
from time import perf_counter_ns

import pytest
from support.requests import NOW, SITE

from benchmarks.measure import aim, say, show
from gateway.dates import registry, timezones
from gateway.dates.planner import plan_parameter

pytestmark = pytest.mark.bench

_KEPT: list[Callable[[], None]] = [
    each.cache_clear
    for module in (registry, timezones)
    for each in vars(module).values()
    if hasattr(each, "cache_clear")
]
RUNS = {"cold": 100, "warm": 1000}
#: resource type, parameter, its values
TYPICAL = (
    ("Patient", "birthdate", "1980-02-03"),
    ("Patient", "birthdate", "ge1980"),
    ("Patient", "_lastUpdated", "gt2026-05-04T03:02:01Z"),
    ("Patient", "_lastUpdated", "ge2026-05-04T03:02:01.123+10:00"),
    ("Appointment", "date", "2026-05-04"),
    ("Appointment", "date", "ge2026-05-04", "lt2026-05-11"),
    ("Appointment", "date", "2026-05-04,2026-05-06"),
    ("Slot", "start", "ge2026-05-04T09:00"),
    ("Slot", "start", "ne2026-05-04"),
    ("Observation", "date", "ge2025-05-04"),
    ("Observation", "date", "ap2025-05-04"),
    ("Condition", "onset-date", "le2020-06"),
    ("Appointment", "patient.birthdate", "lt2000-01-01"),
)


def test_a_date_parameter_is_rewritten() -> None:
    times = {each: [_micros(each, kind) for kind in RUNS] for each in TYPICAL}
    rows = [(_words(*case), *(f"{each:.1f}" for each in row)) for case, row in times.items()]
    show("one date parameter, median µs per rewrite", ("", *RUNS), rows)
    say("")
    for kind, column in zip(RUNS, zip(*times.values(), strict=True), strict=True):
        aim(f"median of these, {kind}, µs", median(column), 40)


def _micros(case: tuple[str, ...], kind: str) -> float:
    resource, name, *values = case
    times = []
    for _ in range(RUNS[kind]):
        if kind == "cold":
            _forget()
        start = perf_counter_ns()
        found = plan_parameter(resource, name, values, SITE.date_support, SITE.zone, NOW)
        times.append(perf_counter_ns() - start)
        assert found is not None
        assert found.problem is None, case
    return median(times) / 1000


def _forget() -> None:
    """Empty what the rewriter keeps of values and names seen before."""
    for clear in _KEPT:
        clear()


def _words(resource: str, name: str, *values: str) -> str:
    return f"{resource}?" + "&".join(f"{name}={value}" for value in values)
