"""A pass-through of 20 kB next to nginx and to proxies on httpx's own pool, alternating in one run."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from benchmarks import measure, samples
from benchmarks.measure import KEY, Load, Server
from benchmarks.proxies import contenders, gateway, nginx

pytestmark = [pytest.mark.bench, measure.needs_servers, pytest.mark.timeout(200)]

SIZE, SECONDS, ROUNDS = 20_000, 2, 3
CONNECTIONS = (1, 16, 64)
HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "rate : nginx", "p50 : nginx")
Rows = Mapping[tuple[str, int], Load]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Server]:
    """A fast upstream with one Patient and one page of Appointments."""
    with measure.upstream(tmp_path / "upstream", {samples.PATIENT: samples.patient(SIZE)}) as server:
        measure.placed(tmp_path / "upstream", {samples.SEARCH: samples.searchset(SIZE, server.url)})
        yield server


def test_a_patient_passes_through_beside_other_proxies(upstream: Server, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(proxy(upstream, tmp_path)) for name, proxy in contenders().items()
        }
        for name, server in servers.items():
            assert asked(server, samples.PATIENT).content == samples.patient(SIZE), name
        rows = measured(servers, samples.PATIENT)
    shown("a Patient of 20 kB, nothing to repair", servers, rows)
    aims(rows)


def test_a_searchset_is_repaired_beside_nginx(upstream: Server, tmp_path: Path) -> None:
    with nginx(upstream, tmp_path) as plain, gateway(upstream, tmp_path) as ours:
        assert b"/Appointment/a-0" in asked(plain, samples.SEARCH).content
        answer = asked(ours, samples.SEARCH)
        assert upstream.url.encode() not in answer.content
        assert answer.json()["entry"][0]["fullUrl"] == f"{ours.url}/{samples.SEARCH}/a-0"
        servers = {"nginx": plain, "gateway": ours}
        rows = measured(servers, samples.SEARCH)
    shown("a searchset of 20 kB, links and fullUrls repaired by the gateway", servers, rows)


def asked(server: Server, path: str) -> httpx.Response:
    """One request; it must be answered well."""
    answer = httpx.get(f"{server.url}/{path}", headers=dict([KEY]), trust_env=False, timeout=20)
    assert answer.status_code == httpx.codes.OK, f"{server.url}: {answer.text[:500]}"
    return answer


def measured(servers: Mapping[str, Server], path: str) -> Rows:
    """Every server in turn, several rounds; no request may fail."""
    rounds: dict[tuple[str, int], list[Load]] = {}
    for _ in range(ROUNDS):
        for connections in CONNECTIONS:
            for name, server in servers.items():
                seen = measure.wrk(server, path, connections, SECONDS)
                rounds.setdefault((name, connections), []).append(seen)
    rows = {key: measure.middle(each) for key, each in rounds.items()}
    assert all(row.errors == 0 and row.rate > 0 for row in rows.values()), rows
    return rows


def shown(title: str, names: Iterable[str], rows: Rows) -> None:
    """A table per number of connections."""
    for connections in CONNECTIONS:
        base = rows["nginx", connections]
        table = [_row(name, rows[name, connections], base) for name in names]
        measure.show(f"{title}; {connections} connections", HEAD, table)


def aims(rows: Rows) -> None:
    """What issue 2 asks for."""
    ours, nginx, none = (rows[name, 1].p50 for name in ("gateway", "nginx", "straight"))
    measure.say("")
    for name in ("starlette+httpx", "fastapi-proxy-lib"):
        if (name, 64) in rows:
            ratio = rows["gateway", 64].rate / rows[name, 64].rate
            cpu = rows[name, 64].cpu / rows["gateway", 64].cpu
            measure.aim(
                f"requests/s at 64 connections : {name} (CPU µs, the other way round: {cpu:.2f})",
                ratio,
                5,
                at_least=True,
            )
    measure.aim("p50 at 1 connection : nginx", ours / nginx, 3.5)
    measure.aim("added p50 at 1 connection : nginx's added", (ours - none) / max(nginx - none, 0.001), 3.5)


def _row(name: str, load: Load, base: Load) -> tuple[str, ...]:
    ratios = (load.rate / base.rate, load.p50 / base.p50)
    return (
        name,
        f"{load.rate:,.0f}",
        f"{load.p50:.2f}",
        f"{load.p99:.2f}",
        f"{load.cpu:.0f}",
        *(f"{each:.2f}" for each in ratios),
    )
