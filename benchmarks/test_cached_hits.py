"""Cached searches of the gateway, nginx `proxy_cache` and other servers, alternating in one run."""

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
from benchmarks.caching_servers import STORED_FOLDER, contenders, gateway
from benchmarks.measure import KEY, Load, Server

pytestmark = [pytest.mark.bench, measure.needs_servers, pytest.mark.timeout(300)]

CONNECTIONS, SECONDS, ROUNDS = 64, 2, 4
#: Bytes of the response, and the aim as a ratio of nginx's requests per second.
SIZES = ((20_000, 1.1), (300_000, 1.0))
#: The aim of clients that send another X-Request-Id each time.
VARIED_SHARE = 0.5
SEARCH = f"{samples.DIRECTORY}?_count=50"
GZIP = ("Accept-Encoding: gzip",)
Rounds = Mapping[str, Sequence[Load]]
GATEWAY, GATEWAY_GZIP, NGINX = "gateway", "gateway, gzip", "nginx proxy_cache"
GATEWAY_VARIED, BARE = "gateway, varied id", "bare protocol"
#: If a server's core is not busy, it waited for wrk; then its CPU time is more significant than its rate.
HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "core busy", "rate : nginx", "nginx's CPU : its")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Folder for the logs, hundreds of MB, removed after the run."""
    yield tmp_path
    rmtree(tmp_path)


@pytest.mark.parametrize(("size", "share"), SIZES)
def test_cached_search_compared_with_caching_servers(folder: Path, size: int, share: float) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(measure.file_upstream(folder / "upstream", {}))
        sample = samples.directory(size, upstream.url)
        measure.write_files(folder / "upstream", {samples.DIRECTORY: sample})
        gateway_server = stack.enter_context(gateway(upstream, folder))
        body = check_hits(gateway_server, sample, upstream)
        stored_path = f"{STORED_FOLDER}/{samples.DIRECTORY}"
        measure.write_files(folder / "upstream", {stored_path: body})
        proxies = contenders(folder / "upstream" / stored_path)
        servers = {name: stack.enter_context(proxy(upstream, folder)) for name, proxy in proxies.items()}
        for name, server in servers.items():
            assert send_search(server).content == body, name
        rounds = measure_rounds(
            dict.fromkeys((GATEWAY, GATEWAY_GZIP, GATEWAY_VARIED), gateway_server) | servers
        )
    print_rounds(f"a cached search of {size // 1000} kB; {CONNECTIONS} connections", rounds)
    print_aims(rounds, share)


def check_hits(server: Server, sample: bytes, upstream: Server) -> bytes:
    """Body of the gateway's hit, after checking that it equals the upstream's except for the base."""
    first, hit, gzip_hit = send_search(server), wait_for_hit(server, "identity"), wait_for_hit(server, "gzip")
    page, expected = hit.json(), json.loads(sample.replace(upstream.url.encode(), server.url.encode()))
    assert expected.pop("link")[0] == page.pop("link")[0]  # the next link has an encrypted token
    assert page == expected
    assert [response.json()["entry"] for response in (first, gzip_hit)] == [page["entry"]] * 2
    return hit.content


def wait_for_hit(server: Server, encoding: str) -> httpx.Response:
    """Return a hit in that encoding, which the gateway prepares after the first hits."""
    for _ in range(20):
        response = send_search(server, encoding)
        if "; hit" in response.headers["cache-status"] and (
            response.headers.get("content-encoding", "identity") == encoding
        ):
            break
        sleep(0.1)
    else:
        measure.print_line(f"no hit is encoded as {encoding}")
    assert "; hit" in response.headers["cache-status"]
    return response


def send_search(server: Server, encoding: str = "identity") -> httpx.Response:
    """Send the search once; the status must be 200."""
    headers = dict([KEY]) | {"accept-encoding": encoding}
    response = httpx.get(f"{server.url}/{SEARCH}", headers=headers, trust_env=False, timeout=20)
    assert response.status_code == httpx.codes.OK, f"{server.url}: {response.text[:500]}"
    return response


def measure_rounds(servers: Mapping[str, Server]) -> Rounds:
    """Measure the servers in turn, several rounds; no request may fail."""
    rounds: dict[str, list[Load]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, server in servers.items():
            headers = GZIP if name == GATEWAY_GZIP else ()
            is_varied = name == GATEWAY_VARIED
            load = measure.run_wrk(server, SEARCH, CONNECTIONS, SECONDS, headers=headers, varies_id=is_varied)
            rounds[name].append(load)
            assert rounds[name][-1].errors == 0, name
            assert rounds[name][-1].rate > 0, name
    return rounds


def ratios_to_nginx(rounds: Rounds, name: str) -> tuple[float, float]:
    """Median ratios to nginx: requests per second, and the same computed from CPU time per request."""
    pairs = list(zip(rounds[name], rounds[NGINX], strict=True))
    rate = median(load.rate / nginx_load.rate for load, nginx_load in pairs)
    return rate, median(nginx_load.cpu / load.cpu for load, nginx_load in pairs)


def print_rounds(title: str, rounds: Rounds) -> None:
    table = []
    for name, loads in rounds.items():
        row, parts = measure.median_load(loads), ratios_to_nginx(rounds, name)
        figures = (f"{row.rate:,.0f}", f"{row.p50:.2f}", f"{row.p99:.2f}", f"{row.cpu:.0f}")
        table.append((name, *figures, *(f"{share:.0%}" for share in (row.rate * row.cpu / 1e6, *parts))))
    measure.print_table(title, HEAD, table)


def print_aims(rounds: Rounds, share: float) -> None:
    """Print the aims of issue 16 for the plain and the gzipped response, and for ids that vary."""
    for name, aim in ((GATEWAY, share), (GATEWAY_GZIP, share), (GATEWAY_VARIED, VARIED_SHARE)):
        rate, cpu = ratios_to_nginx(rounds, name)
        measure.print_aim(f"{name}: share of nginx's requests/s", rate, aim, at_least=True)
        measure.print_aim(f"{name}: the same by CPU time", cpu, aim, at_least=True)
    rate, cpu = ratios_to_nginx(rounds, BARE)
    measure.print_line(f"what is possible, {BARE}: {rate:.2f} of nginx's requests/s, {cpu:.2f} by CPU time")
