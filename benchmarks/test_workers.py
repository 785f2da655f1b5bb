"""One and two workers: requests per second and CPU time per request, hits and misses, alternating in one run.

On a machine with two cores the workers share them with wrk and the upstream, so two workers cannot be twice
as fast there. CPU time per request says what they would do with cores enough: if it stays the same, twice.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import pytest

from benchmarks import measure, samples
from benchmarks.measure import KEY, Load, Server

pytestmark = [pytest.mark.bench, measure.needs_servers, pytest.mark.timeout(300)]

CONNECTIONS, SECONDS, ROUNDS, AIM = 64, 2, 3, 1.7
EVERY_CORE = ",".join(map(str, measure.CORES))
SEARCH = f"{samples.DIRECTORY}?_count=50"
HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "cores busy", "share of the busiest worker")


@dataclass(frozen=True)
class WorkersServer(Server):
    """A gateway whose CPU time is that of all its processes."""

    @property
    def cpu(self) -> float:
        """CPU time since the start, in µs."""
        return sum(self.cpu_by_process)

    @property
    def cpu_by_process(self) -> list[float]:
        """CPU time of the parent and of each worker."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [Server(self.url, int(pid)).cpu for pid in (self.pid, *children)]


@contextmanager
def gateway(upstream: Server, log: Path, workers: int, profile: str) -> Iterator[WorkersServer]:
    """A gateway with workers on all cores."""
    port = measure.free_port()
    settings = {
        "UPSTREAM__URL": upstream.url,
        "SITES__DEFAULT__TIME_ZONE": "Australia/Sydney",
        "CACHE__PROFILE": profile,
        "BULKHEAD__MAX_CONCURRENT": "128",
    }
    command = (sys.executable, "-m", "gateway", "serve", "--port", str(port), "--workers", str(workers))
    environment = {f"HALO_GATEWAY_{name}": value for name, value in settings.items()}
    with measure.run_server(command, port, log, core=EVERY_CORE, environment=environment) as server:
        yield WorkersServer(server.url, server.pid)


@pytest.mark.parametrize(("kind", "profile"), [("hits", "balanced"), ("misses", "off")])
def test_two_workers_compared_with_one(tmp_path: Path, kind: str, profile: str) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(measure.file_upstream(tmp_path / "upstream", {}))
        sample = samples.directory(20_000, upstream.url)
        measure.write_files(tmp_path / "upstream", {samples.DIRECTORY: sample})
        servers = {
            count: stack.enter_context(gateway(upstream, tmp_path / f"log-{count}", count, profile))
            for count in (1, 2)
        }
        for server in servers.values():
            response = httpx.get(f"{server.url}/{SEARCH}", headers=dict([KEY]), trust_env=False, timeout=20)
            assert response.status_code == httpx.codes.OK
        rounds, shares = measure_rounds(servers)
    print_results(kind, rounds, shares)


def measure_rounds(servers: dict[int, WorkersServer]) -> tuple[dict[int, list[Load]], list[float]]:
    """Loads by number of workers, and the share of the busier of two workers in each round."""
    rounds: dict[int, list[Load]] = {count: [] for count in servers}
    shares = []
    for _ in range(ROUNDS):
        for count, server in servers.items():
            before = server.cpu_by_process
            rounds[count].append(measure.run_wrk(server, SEARCH, CONNECTIONS, SECONDS))
            assert rounds[count][-1].errors == 0
            used = [after - start for start, after in zip(before, server.cpu_by_process, strict=True)]
            if count > 1:
                shares.append(max(used) / sum(used))
    return rounds, shares


def print_results(kind: str, rounds: dict[int, list[Load]], shares: list[float]) -> None:
    table = []
    for count, loads in rounds.items():
        row = measure.median_load(loads)
        share = f"{median(shares):.0%}" if count > 1 else "100%"
        figures = (f"{row.rate:,.0f}", f"{row.p50:.2f}", f"{row.p99:.2f}", f"{row.cpu:.0f}")
        table.append((f"{count} workers", *figures, f"{row.rate * row.cpu / 1e6:.2f}", share))
    measure.print_table(f"{kind} of 20 kB; {CONNECTIONS} connections", HEAD, table)
    cores = len(measure.CORES)
    if cores < 4:
        measure.print_line(
            f"limit: this machine has {cores} cores, which the workers share with wrk and the upstream"
        )
    pairs = list(zip(rounds[1], rounds[2], strict=True))
    measure.print_aim(
        f"{kind}: requests/s with two workers : with one",
        median(two.rate / one.rate for one, two in pairs),
        AIM,
        at_least=True,
    )
    measure.print_aim(
        f"{kind}: the same by CPU time, with cores enough",
        median(2 * one.cpu / two.cpu / (2 * share) for (one, two), share in zip(pairs, shares, strict=True)),
        AIM,
        at_least=True,
    )
