"""Pass-through of 20 kB by the gateway, nginx and proxies on httpx's own pool, alternating in one run."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from benchmarks import measure, samples
from benchmarks.measure import KEY, Load, Server
from benchmarks.proxies import BENCH_BEFORE, contenders, gateways, nginx

pytestmark = [pytest.mark.bench, measure.needs_servers, pytest.mark.timeout(200)]

SIZE, SECONDS, ROUNDS = 20_000, 2, 3
CONNECTIONS = (1, 16, 64)
HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "rate : nginx", "p50 : nginx")
Rows = Mapping[tuple[str, int], Load]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Server]:
    """A fast upstream with one Patient and one page of Appointments."""
    with measure.file_upstream(tmp_path / "upstream", {samples.PATIENT: samples.patient(SIZE)}) as server:
        measure.write_files(tmp_path / "upstream", {samples.SEARCH: samples.searchset(SIZE, server.url)})
        yield server


def test_patient_passes_through_compared_with_proxies(upstream: Server, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(proxy(upstream, tmp_path)) for name, proxy in contenders().items()
        }
        for name, server in servers.items():
            assert send_request(server, samples.PATIENT).content == samples.patient(SIZE), name
        rows = measure_rounds(servers, samples.PATIENT)
    print_tables("a Patient of 20 kB, nothing to repair", servers, rows)
    print_aims(rows)
    print_cpu_aim(rows, 0.575)


def test_searchset_is_repaired_compared_with_nginx(upstream: Server, tmp_path: Path) -> None:
    with nginx(upstream, tmp_path) as nginx_server, ExitStack() as stack:
        assert b"/Appointment/a-0" in send_request(nginx_server, samples.SEARCH).content
        own = {name: stack.enter_context(proxy(upstream, tmp_path)) for name, proxy in gateways().items()}
        for server in own.values():
            require_repaired(upstream, server)
        rows = measure_rounds({"nginx": nginx_server, **own}, samples.SEARCH)
    print_tables("a searchset of 20 kB, links and fullUrls repaired by the gateway", ("nginx", *own), rows)
    print_cpu_aim(rows, 0.6)


def require_repaired(upstream: Server, server: Server) -> None:
    """Require that links and fullUrls of the searchset are on the gateway's base."""
    response = send_request(server, samples.SEARCH)
    assert upstream.url.encode() not in response.content
    assert response.json()["entry"][0]["fullUrl"] == f"{server.url}/{samples.SEARCH}/a-0"


def send_request(server: Server, path: str) -> httpx.Response:
    """Send a request; the status must be 200."""
    response = httpx.get(f"{server.url}/{path}", headers=dict([KEY]), trust_env=False, timeout=20)
    assert response.status_code == httpx.codes.OK, f"{server.url}: {response.text[:500]}"
    return response


def measure_rounds(servers: Mapping[str, Server], path: str) -> Rows:
    """Measure the servers in turn, several rounds; no request may fail."""
    rounds: dict[tuple[str, int], list[Load]] = {}
    for _ in range(ROUNDS):
        for connections in CONNECTIONS:
            for name, server in servers.items():
                load = measure.run_wrk(server, path, connections, SECONDS)
                rounds.setdefault((name, connections), []).append(load)
    rows = {key: measure.median_load(loads) for key, loads in rounds.items()}
    assert all(row.errors == 0 and row.rate > 0 for row in rows.values()), rows
    return rows


def print_tables(title: str, names: Iterable[str], rows: Rows) -> None:
    """Print a table per number of connections."""
    for connections in CONNECTIONS:
        base = rows["nginx", connections]
        table = [_row(name, rows[name, connections], base) for name in names]
        measure.print_table(f"{title}; {connections} connections", HEAD, table)


def print_aims(rows: Rows) -> None:
    """Print the aims of issue 16, item 4."""
    gateway_p50, nginx_p50, upstream_p50 = (rows[name, 1].p50 for name in ("gateway", "nginx", "none"))
    measure.print_line("")
    for name, aim in (("starlette+httpx", 6), ("fastapi-proxy-lib", 8)):
        if (name, 64) in rows:
            ratio = rows["gateway", 64].rate / rows[name, 64].rate
            cpu = rows[name, 64].cpu / rows["gateway", 64].cpu
            measure.print_aim(
                f"requests/s at 64 connections : {name} (CPU µs, the other way round: {cpu:.2f})",
                ratio,
                aim,
                at_least=True,
            )
    measure.print_aim("p50 at 1 connection : nginx", gateway_p50 / nginx_p50, 3.5)
    measure.print_aim(
        "added p50 at 1 connection : nginx's added",
        (gateway_p50 - upstream_p50) / max(nginx_p50 - upstream_p50, 0.001),
        3.5,
    )


def print_cpu_aim(rows: Rows, limit: float) -> None:
    """Print the CPU time per request at 64 connections, as a share of that of BENCH_BEFORE."""
    if ("gateway before", 64) not in rows:
        measure.print_line(f"without a comparison of CPU time (aim ≤ {limit:g}): {BENCH_BEFORE} is not set")
        return
    own, before = rows["gateway", 64].cpu, rows["gateway before", 64].cpu
    measure.print_aim(f"CPU time : gateway before ({own:.0f} µs : {before:.0f} µs)", own / before, limit)


def _row(name: str, load: Load, base: Load) -> tuple[str, ...]:
    ratios = (load.rate / base.rate, load.p50 / base.p50)
    return (
        name,
        f"{load.rate:,.0f}",
        f"{load.p50:.2f}",
        f"{load.p99:.2f}",
        f"{load.cpu:.0f}",
        *(f"{ratio:.2f}" for ratio in ratios),
    )
