"""A gateway with 1,000 sites, 200 callers and 100,000 stored responses beside one with one site.

p99 of misses, of hits that pass the chain, and of hits that are ready to be sent; memory; start.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple

import httpx
import pytest
from support.secrets import SECRET

from benchmarks import measure
from benchmarks.client import Connection, connect
from benchmarks.counting_upstream import counting_upstream
from benchmarks.measure import KEY, Server
from benchmarks.proxies import serve_gateway
from benchmarks.test_memory import reported_bytes

pytestmark = [pytest.mark.bench, measure.needs_linux, measure.needs_servers, pytest.mark.timeout(900)]

CAP, MAX_BODY = 512_000_000, 2_500
MB = 1_000_000
CLIENTS, ROUNDS, SAMPLES = 4, 5, 600
#: Milliseconds of requests by kind.
Times = dict[str, list[float]]
KINDS = ("miss", "hit through the chain", "ready hit")
HEAD = ("", "one site: p50 ms", "p99 ms", "grown: p50 ms", "p99 ms", "p99 : one site")


class Size(NamedTuple):
    """Size of a gateway: sites, callers and stored responses."""

    sites: int
    callers: int
    entries: int

    def target(self, number: int) -> tuple[str, str]:
        """Target and caller of the n-th request; each is stored for an hour."""
        guid = site_guid(number % self.sites)
        return (
            f"/integrator/sites/{guid}/fhir/R4/Organization?name=k{number}",
            f"caller-{number % self.callers}",
        )


ONE, GROWN = Size(1, 1, 8_000), Size(1_000, 200, 100_000)


class Client:
    """Sends the requests of one gateway; remembers which are stored and how often each was repeated."""

    def __init__(self, server: Server, size: Size) -> None:
        self._server = server
        self._size = size
        self._next = 0
        self._next_hit = 0

    async def fill(self) -> None:
        """Store the responses."""
        self._next = self._size.entries
        await self._run(range(self._size.entries))

    async def times(self) -> Times:
        """Milliseconds of new requests, of first repetitions and of the second ones."""
        start, self._next = self._next, self._next + SAMPLES
        first, self._next_hit = self._next_hit, self._next_hit + SAMPLES
        ranges = (range(start, start + SAMPLES), range(first, first + SAMPLES), range(first, first + SAMPLES))
        results = {}
        for kind, numbers in zip(KINDS, ranges, strict=True):
            results[kind] = await self._run(numbers)
        return results

    async def _run(self, numbers: Iterable[int]) -> list[float]:
        waiting = iter(numbers)
        connections = [await connect(self._server.url) for _ in range(CLIENTS)]
        groups = await asyncio.gather(*(self._send(connection, waiting) for connection in connections))
        for connection in connections:
            await connection.close()
        return [milliseconds for group in groups for milliseconds in group]

    async def _send(self, connection: Connection, numbers: Iterator[int]) -> list[float]:
        milliseconds = []
        for number in numbers:
            target, caller = self._size.target(number)
            response = await connection.get(target, caller)
            assert response.status == httpx.codes.OK, response.body[:300]
            milliseconds.append(response.seconds * 1000)
        return milliseconds


def test_grown_gateway_is_as_fast_as_a_small_one(tmp_path: Path) -> None:
    with (
        counting_upstream(tmp_path, max_bytes=MAX_BODY) as upstream,
        run_gateway(upstream, tmp_path, ONE) as one_server,
        run_gateway(upstream, tmp_path, GROWN) as grown_server,
    ):
        start = grown_server.memory()
        one, grown = Client(one_server, ONE), Client(grown_server, GROWN)
        asyncio.run(one.fill())
        asyncio.run(grown.fill())
        rounds = [(asyncio.run(one.times()), asyncio.run(grown.times())) for _ in range(ROUNDS)]
        peak, counted = grown_server.memory("VmHWM"), reported_bytes(grown_server)
    rows = [(kind, *_figures(kind, rounds)) for kind in KINDS]
    measure.print_table(f"{ROUNDS} x {SAMPLES} requests of {CLIENTS} clients", HEAD, rows)
    for kind, *figures in rows:
        measure.print_aim(f"{kind}: p99 with {GROWN.sites:,} sites : with one", float(figures[-1]), 1.2)
    measure.print_line(
        f"memory: {start / MB:.0f} MB at start, {peak / MB:.0f} at most, {counted / MB:.0f} counted"
    )
    measure.print_aim("memory beyond the start : cache.max_bytes", (peak - start) / CAP, 1.3)


def test_first_answer_comes_soon(tmp_path: Path) -> None:
    with counting_upstream(tmp_path, max_bytes=MAX_BODY) as upstream:
        for size in (ONE, GROWN):
            seconds = median(first_answer(upstream, tmp_path, size) for _ in range(5))
            label = (
                f"{size.sites:,} site{'s' if size.sites > 1 else ''}: seconds from start to the first answer"
            )
            measure.print_aim(label, seconds, 0.8)


def first_answer(upstream: Server, folder: Path, size: Size) -> float:
    """Seconds from the start of the process until the first FHIR response, with compiled modules."""
    port, target = measure.free_port(), size.target(0)[0]
    command = (sys.executable, "-m", "gateway", "serve", "--port", str(port))
    variables = {
        "HALO_GATEWAY_UPSTREAM__URL": upstream.url,
        "HALO_GATEWAY_CONFIG": str(config_file(folder, size)),
    }
    # As in the image: the modules are compiled in advance.
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    start = perf_counter()
    with subprocess.Popen(
        measure.pin_to_core(measure.SERVER, *command),
        env=os.environ | variables | compiled,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdout
            assert b"listening" in process.stdout.readline()
            response = httpx.get(f"http://127.0.0.1:{port}{target}", headers=dict([KEY]), trust_env=False)
            assert response.status_code == httpx.codes.OK
            return perf_counter() - start
        finally:
            process.terminate()


@contextmanager
def run_gateway(upstream: Server, folder: Path, size: Size) -> Iterator[Server]:
    """Run a gateway of this size, with its log and ledger in files."""
    home = folder / str(size.sites)
    home.mkdir()
    settings = {
        "config": config_file(folder, size),
        "cache__max_bytes": CAP,
        "ledger__path": home / "ledger.sqlite",
        "admin__token": SECRET,
    }
    with serve_gateway(upstream, home / "gateway.log", **settings) as server:
        yield server
    (home / "gateway.log").unlink()


def config_file(folder: Path, size: Size) -> Path:
    """File with the sites, each with a name, a time zone and a daily cap."""
    file = folder / f"{size.sites}.toml"
    tables = (_site_table(number) for number in range(size.sites))
    file.write_text("[sites.default]\ntime_zone = 'Australia/Sydney'\n" + "".join(tables))
    return file


def _site_table(number: int) -> str:
    name = f'sites."{site_guid(number)}"'
    zone = ("Australia/Sydney", "Australia/Perth")[number % 2]
    return f"[{name}]\nname = 'practice-{number}'\ntime_zone = '{zone}'\n[{name}.caps]\nqueries = 1000\n"


def site_guid(number: int) -> str:
    """GUID of the n-th site."""
    return f"0a1b2c3d-0000-4000-8000-{number:012x}"


def _figures(
    kind: str, rounds: Sequence[tuple[dict[str, list[float]], dict[str, list[float]]]]
) -> tuple[str, ...]:
    one, grown = ([time for pair in rounds for time in pair[number][kind]] for number in (0, 1))
    p99s = _p99(one), _p99(grown)
    figures = (median(one), p99s[0], median(grown), p99s[1], p99s[1] / p99s[0])
    return tuple(f"{figure:.2f}" for figure in figures)


def _p99(times: Sequence[float]) -> float:
    return quantiles(times, n=100)[98]
