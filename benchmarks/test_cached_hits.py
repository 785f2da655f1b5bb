"""A cached search next to nginx `proxy_cache` and others that answer from memory, alternating in one run."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from statistics import median
from time import sleep

import httpx
import pytest

from benchmarks import measure, samples
from benchmarks.keepers import KEPT, contenders, gateway
from benchmarks.measure import KEY, Load, Server

pytestmark = [pytest.mark.bench, measure.needs_servers, pytest.mark.timeout(300)]

CONNECTIONS, SECONDS, ROUNDS = 64, 2, 4
#: Bytes of the answer, and the share of nginx's requests that is the aim.
SIZES = ((20_000, 0.4), (300_000, 0.7))
SEARCH = f"{samples.DIRECTORY}?_count=50"
GZIP = ("Accept-Encoding: gzip",)
Rounds = Mapping[str, Sequence[Load]]
OURS, PACKED, NGINX = "gateway", "gateway, gzip", "nginx proxy_cache"
#: A server whose core is not busy waited for wrk: then its CPU time says more than its rate.
HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "core busy", "rate : nginx", "nginx's CPU : its")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose logs, hundreds of MB, do not outlive the run."""
    yield tmp_path
    rmtree(tmp_path)


@pytest.mark.parametrize(("size", "share"), SIZES)
def test_a_cached_search_beside_others_that_answer_from_memory(folder: Path, size: int, share: float) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(measure.upstream(folder / "upstream", {}))
        sample = samples.directory(size, upstream.url)
        measure.placed(folder / "upstream", {samples.DIRECTORY: sample})
        ours = stack.enter_context(gateway(upstream, folder))
        body = answered(ours, sample, upstream)
        kept = f"{KEPT}/{samples.DIRECTORY}"
        measure.placed(folder / "upstream", {kept: body})
        others = contenders(folder / "upstream" / kept)
        servers = {name: stack.enter_context(proxy(upstream, folder)) for name, proxy in others.items()}
        for name, server in servers.items():
            assert asked(server).content == body, name
        rounds = measured({OURS: ours, PACKED: ours, **servers})
    shown(f"a cached search of {size // 1000} kB; {CONNECTIONS} connections", rounds)
    aims(rounds, share)


def answered(ours: Server, sample: bytes, upstream: Server) -> bytes:
    """The gateway's answer, which is the upstream's but for its base; from memory and gzipped alike."""
    first, hit, packed = asked(ours), eventually(ours, "identity"), eventually(ours, "gzip")
    page, expected = hit.json(), json.loads(sample.replace(upstream.url.encode(), ours.url.encode()))
    assert expected.pop("link")[0] == page.pop("link")[0]  # the other one is sealed
    assert page == expected
    assert [each.json()["entry"] for each in (first, packed)] == [page["entry"]] * 2
    return hit.content


def eventually(ours: Server, encoding: str) -> httpx.Response:
    """The hit in that encoding: made ready by the first hits, if at all."""
    for _ in range(20):
        found = asked(ours, encoding)
        if "; hit" in found.headers["cache-status"] and (
            found.headers.get("content-encoding", "identity") == encoding
        ):
            break
        sleep(0.1)
    else:
        measure.say(f"no hit is encoded as {encoding}")
    assert "; hit" in found.headers["cache-status"]
    return found


def asked(server: Server, encoding: str = "identity") -> httpx.Response:
    """The search, once; it must be answered well."""
    headers = dict([KEY]) | {"accept-encoding": encoding}
    answer = httpx.get(f"{server.url}/{SEARCH}", headers=headers, trust_env=False, timeout=20)
    assert answer.status_code == httpx.codes.OK, f"{server.url}: {answer.text[:500]}"
    return answer


def measured(servers: Mapping[str, Server]) -> Rounds:
    """Every server in turn, several rounds; no request may fail."""
    rounds: dict[str, list[Load]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, server in servers.items():
            headers = GZIP if name == PACKED else ()
            rounds[name].append(measure.wrk(server, SEARCH, CONNECTIONS, SECONDS, headers=headers))
            assert rounds[name][-1].errors == 0, name
            assert rounds[name][-1].rate > 0, name
    return rounds


def shares(rounds: Rounds, name: str) -> tuple[float, float]:
    """Of nginx, round by round: requests a second, and what it would be if both cores were all theirs."""
    pairs = list(zip(rounds[name], rounds[NGINX], strict=True))
    return median(own.rate / its.rate for own, its in pairs), median(its.cpu / own.cpu for own, its in pairs)


def shown(title: str, rounds: Rounds) -> None:
    table = []
    for name, each in rounds.items():
        row, parts = measure.middle(each), shares(rounds, name)
        figures = (f"{row.rate:,.0f}", f"{row.p50:.2f}", f"{row.p99:.2f}", f"{row.cpu:.0f}")
        table.append((name, *figures, *(f"{share:.0%}" for share in (row.rate * row.cpu / 1e6, *parts))))
    measure.show(title, HEAD, table)


def aims(rounds: Rounds, share: float) -> None:
    """What issue 6 asks for, of the plain answer and of the gzipped one."""
    for name in (OURS, PACKED):
        rate, cpu = shares(rounds, name)
        measure.aim(f"{name}: share of nginx's requests/s", rate, share, at_least=True)
        measure.aim(f"{name}: the same by CPU time", cpu, share, at_least=True)
