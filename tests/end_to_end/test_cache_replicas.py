"""Two replicas on one Redis: one question costs one query, whoever is asked and whoever dies."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import sleep

import httpx
import pytest
from conftest import KEY, Pair
from end_to_end.cached_gateway import replica
from end_to_end.test_cache import all_at_once, billed, status
from support.redis_server import RedisServer, redis_server

from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer

PATH = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient?gender=female&_count=5"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
def replicas(pair: Pair, redis: RedisServer) -> Iterator[tuple[str, str]]:
    with (
        ThreadedServer(replica(pair.emulator.url, redis.url)) as one,
        ThreadedServer(replica(pair.emulator.url, redis.url)) as other,
    ):
        yield one.url, other.url


def get(url: str, path: str = PATH) -> httpx.Response:
    return httpx.get(url + path, headers=KEY, timeout=30, trust_env=False)


def test_two_replicas_asked_at_once_cost_one_query(pair: Pair, replicas: tuple[str, str]) -> None:
    pair.fault(kind="delay", delay=0.5, times=1)
    answers = all_at_once(20, *(url + PATH for url in replicas))
    assert {each.status_code for each in answers} == {200}
    assert sum("collapsed" in status(each) or "hit" in status(each) for each in answers) == 19
    assert billed(pair) == 1


def test_what_one_replica_keeps_the_other_serves(pair: Pair, replicas: tuple[str, str]) -> None:
    one, other = replicas
    first, second = get(one), get(other)
    assert first.json()["entry"] == second.json()["entry"]
    assert (status(second)[:17], billed(pair)) == ("halo-gateway; hit", 1)


def test_a_write_through_one_replica_is_seen_through_the_other(replicas: tuple[str, str]) -> None:
    one, other = replicas
    path = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/2"
    before = get(other, path).json()
    changed = before | {"gender": "unknown"}
    httpx.put(
        one + path, json=changed, headers=KEY | {"content-type": "application/fhir+json"}, trust_env=False
    )
    assert before["gender"] != "unknown"
    assert get(other, path).json()["gender"] == "unknown"


def test_without_redis_each_replica_goes_on(
    pair: Pair, redis: RedisServer, replicas: tuple[str, str]
) -> None:
    redis.stop()
    for url in replicas:
        assert get(url).status_code == 200
        assert status(get(url))[:17] == "halo-gateway; hit"
    assert billed(pair) == 2


@contextmanager
def process(pair: Pair, redis: RedisServer) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A replica that can be killed."""
    program = Path(__file__).parent / "cached_gateway.py"
    command = [sys.executable, str(program), pair.emulator.url, redis.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            yield started, started.stdout.readline().split()[-1]
        finally:
            started.kill()


def test_a_killed_leader_delays_the_others_by_at_most_its_lease(
    pair: Pair, redis: RedisServer, replicas: tuple[str, str]
) -> None:
    pair.fault(kind="hang", times=1)
    with process(pair, redis) as (leader, url):
        Thread(target=quietly, args=(url,), daemon=True).start()
        while not pair.sent():
            sleep(0.02)
        leader.kill()
        assert get(replicas[0]).status_code == 200  # or the client's time-out ends the wait


def quietly(url: str) -> None:
    """Ask, and do not mind the answer."""
    try:
        get(url)
    except httpx.HTTPError:
        return
