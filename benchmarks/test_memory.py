"""Resident memory while an hour's worth of distinct questions passes through a small cache."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter
from typing import NamedTuple

import httpx
import pytest

from benchmarks import measure, samples
from benchmarks.client import connected
from benchmarks.counting import counting, queries
from benchmarks.measure import Server
from benchmarks.proxies import serving

pytestmark = [pytest.mark.bench, measure.needs_linux, pytest.mark.timeout(400)]

KEYS, CLIENTS, CAP, OVER, HOUR = 100_000, 16, 64_000_000, 1.3, 3600
SITES = [samples.BASE.replace("00000000000a", f"{number:012x}") for number in range(5)]
#: Each with the coding it takes.
CALLERS = [(f"caller-{number}", ("identity", "gzip")[number % 2]) for number in range(4)]
#: What is asked, by turns: fresh for 5 seconds to an hour, so that some answers expire and most are evicted.
QUESTIONS = (
    *("Practitioner/{}", "Organization?name={}", "Patient/{}", "Practitioner?identifier={}"),
    *("Location/{}", "Observation?patient={}", "Appointment?patient={}", "Organization/{}"),
)
#: One question in so many is one of the last so many again, so often.
AGAIN, RECENT, TIMES = 8, 100, 3
TOKEN = "synthetic-operator-token"  # noqa: S105 - a test's own
MB = 1_000_000
HEAD = ("MB", "at start", "peak", "end", "peak - start", "end - start", "cap", "counted at the end")


class Asked(NamedTuple):
    """A question: its target, who asks it in which coding, and what its answer must hold."""

    target: str
    caller: str
    coding: str
    holds: bytes


def question(number: int) -> Asked:
    """The n-th of the distinct questions."""
    target = f"/{SITES[number % len(SITES)]}/{QUESTIONS[number % len(QUESTIONS)].format(f'k{number}')}"
    name = f"k{number}-0" if "?" in target else f"k{number}"
    return Asked(target, *CALLERS[number % len(CALLERS)], f'"id":"{name}"'.encode())


def questions() -> Iterator[Asked]:
    """Every question once, and some of the latest again."""
    chance = Random(1)
    for number in range(KEYS):
        yield question(number)
        if number % AGAIN == 0:
            yield from [question(chance.randint(max(number - RECENT, 0), number))] * TIMES


def test_memory_stays_near_the_cap(tmp_path: Path) -> None:
    settings = {"ledger__path": tmp_path / "ledger.sqlite", "cache__max_bytes": CAP, "admin__token": TOKEN}
    log = tmp_path / "gateway.log"
    with counting(tmp_path) as upstream, serving(upstream, log, **settings) as server:
        start, began = server.memory(), perf_counter()
        octets = asyncio.run(churned(server))
        took, end, peak = perf_counter() - began, server.memory(), server.memory("VmHWM")
        held, asked = counted(server), queries(upstream)
    log.unlink()
    assert asked >= KEYS
    measure.say(
        f"\n{KEYS:,} distinct questions in {took:.0f} s, an hour {HOUR / took:.0f} times as fast;"
        f" {asked:,} upstream queries; {octets / CAP:.0f} times the cap in answers"
    )
    figures = (start, peak, end, peak - start, end - start, CAP, held)
    measure.show("resident memory of the gateway", HEAD, [("", *(f"{each / MB:.0f}" for each in figures))])
    measure.aim("peak beyond the start : cap", (peak - start) / CAP, OVER)
    measure.aim("end beyond the start : cap", (end - start) / CAP, OVER)


async def churned(server: Server) -> int:
    """Bytes of all answers to all questions, from clients that each ask one after the other."""
    source = questions()
    return sum(await asyncio.gather(*(_asking(server, source) for _ in range(CLIENTS))))


async def _asking(server: Server, source: Iterator[Asked]) -> int:
    connection, octets = await connected(server.url), 0
    for target, caller, coding, holds in source:
        answer = await connection.ask(target, caller, coding)
        assert answer.status == httpx.codes.OK, answer.body[:500]
        assert holds in answer.body
        octets += len(answer.body)
    await connection.close()
    return octets


def counted(server: Server) -> int:
    """Bytes that the gateway itself says it holds."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.get(f"{server.url}/admin/cache", headers=headers, trust_env=False)
    figures = answer.raise_for_status().json()
    return int(figures["store"]["bytes"] + figures["prepared"]["bytes"])
