"""Equal cold requests at the same moment: what they cost upstream, and how long they take."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest
from support.redis_server import redis_server

from benchmarks import measure
from benchmarks.client import all_at_once
from benchmarks.counting import counting, queries
from benchmarks.keepers import gateway, nginx
from benchmarks.measure import Server
from benchmarks.proxies import serving
from benchmarks.samples import DIRECTORY

pytestmark = [pytest.mark.bench, measure.needs_servers, pytest.mark.timeout(200)]

COUNTS, ROUNDS, SECONDS = (50, 500), 3, 0.3
HEAD = ("", "at once", "upstream queries", "p50 ms", "last ms")


class Seen(NamedTuple):
    """Queries for one question, and milliseconds until half and all of its askers had an answer."""

    queries: int
    p50: float
    last: float


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Server]:
    """An upstream that takes its time."""
    with counting(tmp_path, SECONDS) as server:
        yield server


def test_equal_cold_requests_cost_one_query(upstream: Server, tmp_path: Path) -> None:
    with gateway(upstream, tmp_path) as ours, nginx(upstream, tmp_path) as other:
        servers = {"gateway": (ours,), "nginx proxy_cache_lock": (other,)}
        rows = {
            (name, count): seen(upstream, each, count) for count in COUNTS for name, each in servers.items()
        }
    shown(f"equal cold requests, an upstream of {SECONDS * 1000:.0f} ms", rows)
    aims(rows, "gateway")


def test_equal_cold_requests_to_two_replicas_cost_one_query(upstream: Server, tmp_path: Path) -> None:
    with redis_server() as redis, ExitStack() as stack:
        replicas = [
            stack.enter_context(
                serving(
                    upstream,
                    tmp_path / f"{name}.log",
                    cache__redis__url=redis.url,
                    cache__keys='["synthetic key"]',
                    paging__keys='["synthetic key"]',
                    server__public_url="http://gateway.example",
                )
            )
            for name in ("one", "other")
        ]
        rows = {("two replicas", count): seen(upstream, replicas, count) for count in COUNTS}
    shown(f"the same on one Redis, an upstream of {SECONDS * 1000:.0f} ms", rows)
    aims(rows, "two replicas")


def seen(upstream: Server, servers: Sequence[Server], count: int) -> Seen:
    """The most queries for a question, and medians of its times, over questions that nobody asked before."""
    rounds = [_round(upstream, servers, f"name={count}-{number}", count) for number in range(ROUNDS)]
    asked, halves, ends = zip(*rounds, strict=True)
    return Seen(max(asked), median(halves), median(ends))


def _round(upstream: Server, servers: Sequence[Server], question: str, count: int) -> Seen:
    before = queries(upstream)
    answers = all_at_once([each.url for each in servers], f"/{DIRECTORY}?{question}", count)
    name = question.partition("=")[2]
    for each in answers:
        assert each.status == 200, each.body[:500]
        found = [entry["resource"]["id"] for entry in each.json()["entry"]]
        assert found == [f"{name}-{number}" for number in range(len(found))]
        assert found
    times = sorted(each.seconds * 1000 for each in answers)
    return Seen(queries(upstream) - before, median(times), times[-1])


def shown(title: str, rows: dict[tuple[str, int], Seen]) -> None:
    measure.show(
        title,
        HEAD,
        [
            (name, count, each.queries, f"{each.p50:.0f}", f"{each.last:.0f}")
            for (name, count), each in rows.items()
        ],
    )


def aims(rows: dict[tuple[str, int], Seen], name: str) -> None:
    for count in COUNTS:
        measure.aim(f"{name}: upstream queries for {count} at once", rows[name, count].queries, 1)
