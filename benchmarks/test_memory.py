"""Resident memory while an hour of distinct requests passes through a small cache."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter
from typing import NamedTuple

import httpx
import pytest
from support.secrets import SECRET

from benchmarks import measure, samples
from benchmarks.client import connect
from benchmarks.counting_upstream import counting_upstream, query_count
from benchmarks.measure import Server
from benchmarks.proxies import serve_gateway

pytestmark = [pytest.mark.bench, measure.needs_linux, pytest.mark.timeout(400)]

KEYS, CLIENTS, CAP, MAX_RATIO, HOUR = 100_000, 16, 64_000_000, 1.3, 3600
SITES = [samples.BASE.replace("00000000000a", f"{number:012x}") for number in range(5)]
#: Caller name and the `Accept-Encoding` of its requests.
CALLERS = [(f"caller-{number}", ("identity", "gzip")[number % 2]) for number in range(4)]
#: Paths in rotation. Lifetimes are 5 seconds to an hour, so some responses expire and most are evicted.
PATHS = (
    *("Practitioner/{}", "Organization?name={}", "Patient/{}", "Practitioner?identifier={}"),
    *("Location/{}", "Observation?patient={}", "Appointment?patient={}", "Organization/{}"),
)
#: Every 8th request is followed by one of the last 100 requests, 3 times.
REPEAT_INTERVAL, REPEAT_WINDOW, REPEATS = 8, 100, 3
TOKEN = SECRET
MB = 1_000_000
HEAD = ("MB", "at start", "peak", "end", "peak - start", "end - start", "cap", "counted at the end")


class CallerRequest(NamedTuple):
    """A request: target, caller, encoding, and bytes that the response must contain."""

    target: str
    caller: str
    encoding: str
    expected: bytes


def numbered_request(number: int) -> CallerRequest:
    """The n-th of the distinct requests."""
    target = f"/{SITES[number % len(SITES)]}/{PATHS[number % len(PATHS)].format(f'k{number}')}"
    name = f"k{number}-0" if "?" in target else f"k{number}"
    return CallerRequest(target, *CALLERS[number % len(CALLERS)], f'"id":"{name}"'.encode())


def all_requests() -> Iterator[CallerRequest]:
    """All distinct requests, and repetitions of recent ones."""
    random = Random(1)
    for number in range(KEYS):
        yield numbered_request(number)
        if number % REPEAT_INTERVAL == 0:
            yield from [numbered_request(random.randint(max(number - REPEAT_WINDOW, 0), number))] * REPEATS


def test_memory_stays_near_the_cache_limit(tmp_path: Path) -> None:
    settings = {"ledger__path": tmp_path / "ledger.sqlite", "cache__max_bytes": CAP, "admin__token": TOKEN}
    log = tmp_path / "gateway.log"
    with counting_upstream(tmp_path) as upstream, serve_gateway(upstream, log, **settings) as server:
        start, start_time = server.memory(), perf_counter()
        size = asyncio.run(send_all(server))
        seconds, end, peak = perf_counter() - start_time, server.memory(), server.memory("VmHWM")
        cached_bytes, upstream_requests = reported_bytes(server), query_count(upstream)
    log.unlink()
    assert upstream_requests >= KEYS
    measure.print_line(
        f"\n{KEYS:,} distinct requests in {seconds:.0f} s, an hour {HOUR / seconds:.0f} times as fast;"
        f" {upstream_requests:,} upstream queries; {size / CAP:.0f} times the cap in responses"
    )
    figures = (start, peak, end, peak - start, end - start, CAP, cached_bytes)
    measure.print_table(
        "resident memory of the gateway", HEAD, [("", *(f"{figure / MB:.0f}" for figure in figures))]
    )
    measure.print_aim("peak beyond the start : cap", (peak - start) / CAP, MAX_RATIO)
    measure.print_aim("end beyond the start : cap", (end - start) / CAP, MAX_RATIO)


async def send_all(server: Server) -> int:
    """Send all requests and return the bytes of all responses; each client sends one after the other."""
    source = all_requests()
    return sum(await asyncio.gather(*(_send_one_by_one(server, source) for _ in range(CLIENTS))))


async def _send_one_by_one(server: Server, source: Iterator[CallerRequest]) -> int:
    connection, size = await connect(server.url), 0
    for target, caller, encoding, expected in source:
        response = await connection.get(target, caller, encoding)
        assert response.status == httpx.codes.OK, response.body[:500]
        assert expected in response.body
        size += len(response.body)
    await connection.close()
    return size


def reported_bytes(server: Server) -> int:
    """Bytes of the cache as the gateway reports them."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    response = httpx.get(f"{server.url}/admin/cache", headers=headers, trust_env=False)
    figures = response.raise_for_status().json()
    return int(figures["store"]["bytes"] + figures["prepared"]["bytes"])
