"""One to four processes on one Redis: the table of docs/scaling.md, in its own form.

It needs a core for each process and one for load and upstream; rows with too few are marked.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep

import httpx
import pytest
from redis import Redis
from support.redis_server import RedisServer, redis_server
from support.secrets import SECRET

from benchmarks import measure, samples
from benchmarks.measure import KEY, Load, Server

pytestmark = [pytest.mark.bench, measure.needs_servers, pytest.mark.timeout(300)]

PROCESSES, CONNECTIONS, SECONDS = (1, 2, 3, 4), 32, 3
SEARCH = f"{samples.DIRECTORY}?_count=50"
HEAD = ("processes", "hits per second", "CPU per hit", "misses per second", "CPU per miss", "memory")


@contextmanager
def replica(upstream: Server, store: RedisServer, log: Path, number: int) -> Iterator[Server]:
    """Run a gateway on a core of its own, if there are enough."""
    port = measure.free_port()
    settings = {
        "UPSTREAM__URL": upstream.url,
        "SITES__DEFAULT__TIME_ZONE": "Australia/Sydney",
        "BULKHEAD__MAX_CONCURRENT": "128",
        "CACHE__REDIS__URL": store.url,
        "CACHE__KEYS": f'["{SECRET}"]',
    }
    command = (sys.executable, "-m", "gateway", "serve", "--port", str(port))
    core = measure.CORES[number % max(len(measure.CORES) - 1, 1)]
    environment = {f"HALO_GATEWAY_{name}": value for name, value in settings.items()}
    with measure.run_server(command, port, log, core=core, environment=environment) as server:
        yield server


def measure_replicas(replicas: list[Server], headers: measure.HeaderLines = ()) -> list[Load]:
    """Load on all replicas at once, and the CPU time of a request of each."""
    before = [server.cpu for server in replicas]
    share = max(CONNECTIONS // len(replicas), 1)
    runs = [measure.start_wrk(f"{each.url}/{SEARCH}", share, SECONDS, headers=headers) for each in replicas]
    loads = [measure.wrk_result(run) for run in runs]
    assert not any(load.errors for load in loads)
    used = [server.cpu - start for server, start in zip(replicas, before, strict=True)]
    return [
        Load(load.rate, load.p50, load.p99, load.longest, 0, cpu / max(load.rate * SECONDS, 1))
        for load, cpu in zip(loads, used, strict=True)
    ]


def row(count: int, upstream: Server, folder: Path) -> tuple[str, ...]:
    """A row of the table: hits, then misses, which `no-cache` makes."""
    with redis_server() as store, ExitStack() as stack:
        replicas = [
            stack.enter_context(replica(upstream, store, folder / f"log-{count}-{number}", number))
            for number in range(count)
        ]
        for each in replicas:
            for _ in range(2):
                response = httpx.get(f"{each.url}/{SEARCH}", headers=dict([KEY]), trust_env=False, timeout=20)
                assert response.status_code == httpx.codes.OK
        hits = measure_replicas(replicas)
        misses = measure_replicas(replicas, ("Cache-Control: no-cache",))
        memory = sum(each.memory() for each in replicas) / 1e6
        figures = [f"{sum(load.rate for load in loads):,.0f}" for loads in (hits, misses)]
        cpu = [f"{sum(load.cpu for load in loads) / count:.0f} µs" for loads in (hits, misses)]
    mark = "" if len(measure.CORES) > count else " (too few cores)"
    return (f"{count}{mark}", figures[0], cpu[0], figures[1], cpu[1], f"{memory:.0f} MB")


def idle_commands(upstream: Server, folder: Path) -> float:
    """Redis commands per second of one process without traffic, once the ledger has lines of today."""
    with (
        redis_server() as store,
        replica(upstream, store, folder / "log-idle", 0) as process,
        Redis.from_url(store.url) as redis,
    ):
        httpx.get(
            f"{process.url}/{SEARCH}", headers=dict([KEY]), trust_env=False, timeout=20
        ).raise_for_status()
        sleep(2)
        before = redis.info("stats")["total_commands_processed"]
        sleep(2)
        return float(redis.info("stats")["total_commands_processed"] - before - 1) / 2


def test_table_of_one_to_four_processes(tmp_path: Path) -> None:
    with measure.file_upstream(tmp_path / "upstream", {}) as upstream:
        sample = samples.directory(20_000, upstream.url)
        measure.write_files(tmp_path / "upstream", {samples.DIRECTORY: sample})
        rows = [row(count, upstream, tmp_path) for count in PROCESSES]
        idle = idle_commands(upstream, tmp_path)
    measure.print_line(f"\n| {' | '.join(HEAD)} |")
    measure.print_line("|---" * len(HEAD) + "|")
    for each in rows:
        measure.print_line(f"| {' | '.join(each)} |")
    measure.print_line(f"Redis commands per second without traffic: {idle:.0f} per process")
