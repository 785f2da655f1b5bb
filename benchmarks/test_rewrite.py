"""Median time of planning a date parameter, with empty and with filled caches.

`BENCH_BEFORE` names a checkout of an older commit, whose figures come from the same run.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter_ns

import pytest
from support.requests import NOW, SITE

from benchmarks.measure import print_aim, print_line, print_table
from gateway.dates import registry, timezones
from gateway.dates.planner import plan_parameter

pytestmark = pytest.mark.bench

_CACHE_CLEARS: list[Callable[[], None]] = [
    function.cache_clear
    for module in (registry, timezones)
    for function in vars(module).values()
    if hasattr(function, "cache_clear")
]
BEFORE = os.environ.get("BENCH_BEFORE", "")
RUNS = {"cold": 100, "warm": 1000}
#: Resource type, parameter, its values.
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


def test_date_parameter_is_planned_fast() -> None:
    times = {case: [_median_micros(case, kind) for kind in RUNS] for case in TYPICAL}
    rows = [(_search_text(*case), *(f"{time:.1f}" for time in row)) for case, row in times.items()]
    print_table("one date parameter, median µs per plan", ("", *RUNS), rows)
    print_line("")
    before = _medians_before()
    for kind, column in zip(RUNS, zip(*times.values(), strict=True), strict=True):
        print_aim(f"median of these, {kind}, µs", median(column), 30)
        if before:
            print_aim(f"median of these, {kind} : before", median(column) / before[kind], 0.9)


def _medians_before() -> dict[str, float]:
    """Medians of the older commit by kind; empty without it."""
    if not BEFORE:
        return {}
    script = (
        "import json; from statistics import median; from benchmarks import test_rewrite as t;"
        "of = t._median_micros; cases = t.TYPICAL;"
        "print(json.dumps({kind: median(of(case, kind) for case in cases) for kind in t.RUNS}))"
    )
    environment = os.environ | {"PYTHONPATH": "tests"}
    command = (sys.executable, "-c", script)
    done = subprocess.run(command, cwd=BEFORE, env=environment, stdout=subprocess.PIPE, check=True)
    medians: dict[str, float] = json.loads(done.stdout)
    return medians


def _median_micros(case: tuple[str, ...], kind: str) -> float:
    resource, name, *values = case
    times = []
    for _ in range(RUNS[kind]):
        if kind == "cold":
            _clear_caches()
        start = perf_counter_ns()
        plan = plan_parameter(resource, name, values, SITE.date_support, SITE.zone, NOW)
        times.append(perf_counter_ns() - start)
        assert plan is not None
        assert plan.problem is None, case
    return median(times) / 1000


def _clear_caches() -> None:
    """Clear the caches of the registry and of the time zones."""
    for clear in _CACHE_CLEARS:
        clear()


def _search_text(resource: str, name: str, *values: str) -> str:
    return f"{resource}?" + "&".join(f"{name}={value}" for value in values)
