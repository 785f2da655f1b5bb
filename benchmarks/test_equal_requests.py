"""Identical concurrent requests with an empty cache: upstream requests and response times."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest
from support.redis_server import redis_server
from support.secrets import SECRET

from benchmarks import measure
from benchmarks.caching_servers import gateway, nginx
from benchmarks.client import send_concurrently
from benchmarks.counting_upstream import counting_upstream, query_count
from benchmarks.measure import Server
from benchmarks.proxies import serve_gateway
from benchmarks.samples import DIRECTORY

pytestmark = [pytest.mark.bench, measure.needs_servers, pytest.mark.timeout(200)]

COUNTS, ROUNDS, SECONDS = (50, 500), 3, 0.3
HEAD = ("", "at once", "upstream queries", "p50 ms", "last ms")


class Measurement(NamedTuple):
    """Upstream requests for a search; milliseconds until half and all of the clients had a response."""

    queries: int
    p50: float
    last: float


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Server]:
    """An upstream with a delay."""
    with counting_upstream(tmp_path, SECONDS) as server:
        yield server


def test_identical_cold_requests_cost_one_query(upstream: Server, tmp_path: Path) -> None:
    with gateway(upstream, tmp_path) as gateway_server, nginx(upstream, tmp_path) as nginx_server:
        servers = {"gateway": (gateway_server,), "nginx proxy_cache_lock": (nginx_server,)}
        rows = {
            (name, count): measure_concurrent(upstream, group, count)
            for count in COUNTS
            for name, group in servers.items()
        }
    print_rows(f"identical cold requests, an upstream of {SECONDS * 1000:.0f} ms", rows)
    print_aims(rows, "gateway")


def test_identical_cold_requests_to_two_replicas_cost_one_query(upstream: Server, tmp_path: Path) -> None:
    with redis_server() as redis, ExitStack() as stack:
        replicas = [
            stack.enter_context(
                serve_gateway(
                    upstream,
                    tmp_path / f"{name}.log",
                    cache__redis__url=redis.url,
                    cache__keys=f'["{SECRET}"]',
                    paging__keys=f'["{SECRET}"]',
                    server__public_url="http://gateway.example",
                )
            )
            for name in ("one", "other")
        ]
        rows = {("two replicas", count): measure_concurrent(upstream, replicas, count) for count in COUNTS}
    print_rows(f"the same on one Redis, an upstream of {SECONDS * 1000:.0f} ms", rows)
    print_aims(rows, "two replicas")


def measure_concurrent(upstream: Server, servers: Sequence[Server], count: int) -> Measurement:
    """Maximum of the upstream requests and medians of the times, over searches that are not cached."""
    rounds = [_measure_round(upstream, servers, f"name={count}-{number}", count) for number in range(ROUNDS)]
    counts, halves, ends = zip(*rounds, strict=True)
    return Measurement(max(counts), median(halves), median(ends))


def _measure_round(upstream: Server, servers: Sequence[Server], query_string: str, count: int) -> Measurement:
    before = query_count(upstream)
    responses = send_concurrently([server.url for server in servers], f"/{DIRECTORY}?{query_string}", count)
    name = query_string.partition("=")[2]
    for response in responses:
        assert response.status == 200, response.body[:500]
        ids = [entry["resource"]["id"] for entry in response.json()["entry"]]
        assert ids == [f"{name}-{number}" for number in range(len(ids))]
        assert ids
    times = sorted(response.seconds * 1000 for response in responses)
    return Measurement(query_count(upstream) - before, median(times), times[-1])


def print_rows(title: str, rows: dict[tuple[str, int], Measurement]) -> None:
    measure.print_table(
        title,
        HEAD,
        [
            (name, count, measurement.queries, f"{measurement.p50:.0f}", f"{measurement.last:.0f}")
            for (name, count), measurement in rows.items()
        ],
    )


def print_aims(rows: dict[tuple[str, int], Measurement], name: str) -> None:
    for count in COUNTS:
        measure.print_aim(f"{name}: upstream queries for {count} at once", rows[name, count].queries, 1)
