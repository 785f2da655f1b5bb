"""Cache of two replicas on one Redis: shared responses, writes, outages and a killed leader."""

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
from end_to_end.test_cache import billed_queries, cache_status, send_concurrently
from support.redis_groups import KINDS, RedisGroup, SharedGroups
from support.redis_server import RedisServer

from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer

PATH = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient?gender=female&_count=5"


@pytest.fixture(params=KINDS)
def redis(request: pytest.FixtureRequest, redis_groups: SharedGroups) -> Iterator[RedisServer | RedisGroup]:
    with redis_groups.of_kind(request.param) as servers:
        yield servers


@pytest.fixture
def replicas(pair: Pair, redis: RedisServer | RedisGroup) -> Iterator[tuple[str, str]]:
    with (
        ThreadedServer(replica(pair.emulator.url, redis.url)) as first,
        ThreadedServer(replica(pair.emulator.url, redis.url)) as second,
    ):
        yield first.url, second.url


def get(url: str, path: str = PATH) -> httpx.Response:
    return httpx.get(url + path, headers=KEY, timeout=30, trust_env=False)


@pytest.mark.anyio
async def test_concurrent_requests_to_two_replicas_cost_one_query(
    pair: Pair, replicas: tuple[str, str]
) -> None:
    pair.fault(kind="delay", delay=0.5, times=1)
    responses = await send_concurrently(20, *(url + PATH for url in replicas))
    assert {response.status_code for response in responses} == {200}
    statuses = [cache_status(response) for response in responses]
    assert sum("collapsed" in status or "hit" in status for status in statuses) == 19
    assert billed_queries(pair) == 1


def test_stored_response_is_served_by_the_other_replica(pair: Pair, replicas: tuple[str, str]) -> None:
    first, second = (get(url) for url in replicas)
    assert first.json()["entry"] == second.json()["entry"]
    assert (cache_status(second)[:17], billed_queries(pair)) == ("halo-gateway; hit", 1)


def test_write_through_one_replica_is_visible_through_the_other(replicas: tuple[str, str]) -> None:
    first, second = replicas
    path = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/2"
    before = get(second, path).json()
    changed = before | {"gender": "unknown"}
    httpx.put(
        first + path, json=changed, headers=KEY | {"content-type": "application/fhir+json"}, trust_env=False
    )
    assert before["gender"] != "unknown"
    assert get(second, path).json()["gender"] == "unknown"


def test_replicas_cache_without_redis(
    pair: Pair, redis: RedisServer | RedisGroup, replicas: tuple[str, str]
) -> None:
    redis.stop()
    for url in replicas:
        assert get(url).status_code == 200
        assert cache_status(get(url))[:17] == "halo-gateway; hit"
    assert billed_queries(pair) == 2


@contextmanager
def process(pair: Pair, redis: RedisServer | RedisGroup) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A replica in a separate process."""
    program = Path(__file__).parent / "cached_gateway.py"
    command = [sys.executable, str(program), pair.emulator.url, redis.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running_process:
        try:
            assert running_process.stdout is not None
            yield running_process, running_process.stdout.readline().split()[-1]
        finally:
            running_process.kill()


def test_killed_leader_delays_other_replicas_by_the_lock_timeout(
    pair: Pair, redis: RedisServer | RedisGroup, replicas: tuple[str, str]
) -> None:
    pair.fault(kind="hang", times=1)
    with process(pair, redis) as (leader, url):
        Thread(target=get_ignoring_errors, args=(url,), daemon=True).start()
        while not pair.sent():
            sleep(0.02)
        leader.kill()
        assert get(replicas[0]).status_code == 200  # otherwise the client times out


def get_ignoring_errors(url: str) -> None:
    """Send a request and ignore HTTP errors."""
    try:
        get(url)
    except httpx.HTTPError:
        return
