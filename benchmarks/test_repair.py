"""Repairing Bundles next to orjson's bare round trip, and small requests beside a stream of large repairs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import measure, proxies, samples
from benchmarks.repairing import UPSTREAM, Figures, bare, handled, mended
from benchmarks.scratch import python_with

pytestmark = [pytest.mark.bench, pytest.mark.timeout(200)]

SIZES = {"20 kB": 20_000, "300 kB": 300_000, "1 MB": 1_000_000, "8 MB": 8_000_000}
#: Bundles in which the links and every `fullUrl` are to be mended; and every `lastUpdated` as well.
STAMPS = {"links, fullUrl": samples.CLEAN, "+ lastUpdated": samples.NAIVE}
HEAD = ("", "MB/s", ": orjson", "peak memory", "longest hold ms")
ORJSON = "orjson loads + dumps"
#: Below this, memory comes in steps too coarse to say anything.
VISIBLE = 2_000_000
TESTS = Path(__file__).parent.parent
SMALL = 20_000


@measure.needs_linux
def test_bundles_are_repaired_beside_a_bare_round_trip(tmp_path: Path) -> None:
    python = python_with("orjson")
    if python is None:
        measure.say("without orjson: it could not be installed")
    for words, size in SIZES.items():
        rows = _rows(tmp_path / "bundle.json", size, python)
        assert size < VISIBLE or all(each.memory > size for each in rows.values()), rows
        rate = rows.get(ORJSON, Figures(0, 0, 0)).rate
        title = f"a searchset of {words}, entries of about 1 kB, one process each"
        measure.show(title, HEAD, [_row(name, each, size, rate) for name, each in rows.items()])
    measure.say("")
    for name, each in rows.items():
        if name != ORJSON:
            measure.aim(f"{name}: MB/s at 8 MB", each.rate / 1e6, 100, at_least=True)
            measure.aim(f"{name}: peak memory at 8 MB : its size", each.memory / size, 4)


@measure.needs_servers
def test_small_requests_keep_their_time_beside_large_repairs(tmp_path: Path) -> None:
    files = {samples.PATIENT: samples.patient(SMALL)}
    with measure.upstream(tmp_path / "upstream", files) as upstream:
        measure.placed(tmp_path / "upstream", {samples.SEARCH: samples.searchset(8_000_000, upstream.url)})
        with proxies.gateway(upstream, tmp_path) as server:
            alone, beside, large = [], [], []
            for _ in range(3):
                alone.append(_small(server))
                stream = measure.wrk_started(f"{server.url}/{samples.SEARCH}", 1, 3)
                beside.append(_small(server))
                large.append(measure.loaded(stream))
    quiet, busy, repairs = (measure.middle(each) for each in (alone, beside, large))
    assert quiet.errors + busy.errors + repairs.errors == 0
    measure.show(
        f"20 kB from 8 connections, 20 ms apart; beside a stream of 8 MB repairs ({repairs.rate:.1f}/s)",
        ("", "requests/s", "p50 ms", "p99 ms", "longest ms"),
        [_load("without", quiet), _load("beside", busy)],
    )
    measure.say("")
    measure.aim("p99 beside : without", busy.p99 / quiet.p99, 2)


def _rows(path: Path, size: int, python: Path | None) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for words, stamp in STAMPS.items():
        path.write_bytes(samples.searchset(size, UPSTREAM, stamp))
        if python and not found:
            found[ORJSON] = _figures(python, bare.__name__, path)
        found[f"repairs ({words})"] = _figures(Path(sys.executable), mended.__name__, path)
        found[f"every handler ({words})"] = _figures(Path(sys.executable), handled.__name__, path)
    return found


def _figures(python: Path, way: str, path: Path) -> Figures:
    """What one way of repairing comes to, in a process of its own."""
    command = measure.pinned(measure.SERVER, str(python), "-m", "bench.repairing", way, str(path))
    out = subprocess.run(command, cwd=TESTS, stdout=subprocess.PIPE, check=True).stdout
    return Figures(**json.loads(out.splitlines()[-1]))


def _small(server: measure.Server) -> measure.Load:
    return measure.wrk(server, samples.PATIENT, 8, 2, pause=20)


def _row(name: str, figures: Figures, size: int, rate: float) -> tuple[str, ...]:
    memory = f"{figures.memory / size:.1f} x" if size >= VISIBLE else "-"
    ratio = f"{figures.rate / rate:.2f}" if rate else "-"
    return name, f"{figures.rate / 1e6:.0f}", ratio, memory, f"{figures.hold * 1000:.1f}"


def _load(name: str, seen: measure.Load) -> tuple[str, ...]:
    return name, f"{seen.rate:,.0f}", f"{seen.p50:.2f}", f"{seen.p99:.2f}", f"{seen.most:.1f}"
