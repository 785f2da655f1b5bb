"""Bundle repair compared with orjson and an older commit, and cached hits beside a stream of large repairs.

`BENCH_BEFORE` names a checkout of the older commit, whose figures come from the same run.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import measure, proxies, samples
from benchmarks.repair_process import UPSTREAM, Figures, all_handlers, orjson_round_trip, response_repairs
from benchmarks.scratch import python_with

pytestmark = [pytest.mark.bench, pytest.mark.timeout(200)]

SIZES = {"20 kB": 20_000, "300 kB": 300_000, "1 MB": 1_000_000, "8 MB": 8_000_000}
#: Bundles that need repairs of links and every `fullUrl`; and of every `lastUpdated` as well.
STAMPS = {"links, fullUrl": samples.CLEAN, "+ lastUpdated": samples.NAIVE}
#: Of the CPU's time: other processes of the machine may run meanwhile.
HEAD = ("", "MB/s", ": orjson", "peak memory", "longest hold ms")
ORJSON = "orjson loads + dumps"
#: Bytes: for smaller bundles the steps of memory allocation are too coarse.
VISIBLE = 2_000_000
ROOT = Path(__file__).parent.parent
BEFORE = os.environ.get("BENCH_BEFORE", "")
EVERY_HANDLER = "every handler (+ lastUpdated)"
SMALL = 20_000


@measure.needs_linux
def test_bundle_repair_compared_with_orjson_round_trip(tmp_path: Path) -> None:
    python = python_with("orjson")
    if python is None:
        measure.print_line("without orjson: it could not be installed")
    for label, size in SIZES.items():
        rows = _rows(tmp_path / "bundle.json", size, python)
        assert size < VISIBLE or all(figures.memory > size for figures in rows.values()), rows
        rate = rows.get(ORJSON, Figures(0, 0, 0)).rate
        title = f"a searchset of {label}, entries of about 1 kB, one process each"
        measure.print_table(title, HEAD, [_row(name, figures, size, rate) for name, figures in rows.items()])
    measure.print_line("")
    for name, figures in rows.items():
        if name != ORJSON and not name.startswith(_before("")):
            measure.print_aim(f"{name}: MB/s at 8 MB", figures.rate / 1e6, 120, at_least=True)
            measure.print_aim(f"{name}: peak memory at 8 MB : its size", figures.memory / size, 3.5)
            measure.print_aim(f"{name}: longest hold at 8 MB, ms", figures.longest_block * 1000, 3)
    before = rows.get(_before(EVERY_HANDLER))
    if before is not None:
        ratio = rows[EVERY_HANDLER].rate / before.rate
        measure.print_aim(f"{EVERY_HANDLER}: MB/s at 8 MB : before", ratio, 1.3, at_least=True)


@measure.needs_servers
@pytest.mark.parametrize("kind", ["cached hits", "small requests"])
def test_other_requests_stay_fast_beside_large_repairs(tmp_path: Path, kind: str) -> None:
    """The body limit of the cache keeps the large Bundles out of it, so that each is repaired."""
    settings = {
        "cache__profile": "balanced" if kind == "cached hits" else "off",
        "cache__max_body": 1_000_000,
    }
    path = samples.DIRECTORY if kind == "cached hits" else samples.PATIENT
    with measure.file_upstream(tmp_path / "upstream", {}) as upstream:
        files = {
            samples.PATIENT: samples.patient(SMALL),
            samples.DIRECTORY: samples.directory(SMALL, upstream.url),
            samples.SEARCH: samples.searchset(8_000_000, upstream.url, samples.NAIVE),
        }
        measure.write_files(tmp_path / "upstream", files)
        log = tmp_path / "gateway.log"
        with proxies.serve_gateway(upstream, log, log__level="warning", **settings) as server:
            quiet_loads, busy_loads, repair_loads = [], [], []
            for _ in range(3):
                quiet_loads.append(_measure_small(server, path))
                stream = measure.start_wrk(f"{server.url}/{samples.SEARCH}", 1, 3)
                busy_loads.append(_measure_small(server, path))
                repair_loads.append(measure.wrk_result(stream))
    quiet, busy, repairs = (measure.median_load(loads) for loads in (quiet_loads, busy_loads, repair_loads))
    assert quiet.errors + busy.errors + repairs.errors == 0
    measure.print_table(
        f"{kind} of 20 kB from 8 connections, 20 ms apart; beside 8 MB repairs ({repairs.rate:.1f}/s)",
        ("", "requests/s", "p50 ms", "p99 ms", "longest ms"),
        [_load_row("without", quiet), _load_row("beside", busy)],
    )
    measure.print_line("")
    measure.print_aim(f"{kind}: p99 beside : without", busy.p99 / quiet.p99, 1.5)


def _rows(path: Path, size: int, python: Path | None) -> dict[str, Figures]:
    rows: dict[str, Figures] = {}
    for label, stamp in STAMPS.items():
        path.write_bytes(samples.searchset(size, UPSTREAM, stamp))
        if python and not rows:
            rows[ORJSON] = _figures(python, orjson_round_trip.__name__, path)
        rows[f"repairs ({label})"] = _figures(Path(sys.executable), response_repairs.__name__, path)
        rows[f"every handler ({label})"] = _figures(Path(sys.executable), all_handlers.__name__, path)
        if BEFORE:
            older = _figures(Path(sys.executable), all_handlers.__name__, path, Path(BEFORE))
            rows[_before(f"every handler ({label})")] = older
    return rows


def _before(name: str) -> str:
    return f"before: {name}"


def _figures(python: Path, variant: str, path: Path, root: Path = ROOT) -> Figures:
    """Figures of a repair variant in a separate process, which runs the code in a folder."""
    command = measure.pin_to_core(
        measure.SERVER, str(python), "-m", "benchmarks.repair_process", variant, str(path)
    )
    environment = os.environ | {"PYTHONPATH": "tests"}
    output = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return Figures(**json.loads(output.splitlines()[-1]))


def _measure_small(server: measure.Server, path: str) -> measure.Load:
    return measure.run_wrk(server, path, 8, 2, pause=20)


def _row(name: str, figures: Figures, size: int, rate: float) -> tuple[str, ...]:
    memory = f"{figures.memory / size:.1f} x" if size >= VISIBLE else "-"
    ratio = f"{figures.rate / rate:.2f}" if rate else "-"
    return name, f"{figures.rate / 1e6:.0f}", ratio, memory, f"{figures.longest_block * 1000:.1f}"


def _load_row(name: str, load: measure.Load) -> tuple[str, ...]:
    return name, f"{load.rate:,.0f}", f"{load.p50:.2f}", f"{load.p99:.2f}", f"{load.longest:.1f}"
