"""A stampede at gateways as users run them, `halo-gateway serve`: one query on the practice's bill."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
from cli.test_commands import MODULE, program
from conftest import Pair
from end_to_end.test_cache import all_at_once, billed
from support.redis_server import redis_server

from gateway.emulator.sites import SYDNEY

PATH = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient?gender=female&_count=5"
#: Patience for a busy machine: neither Redis nor a leader counts as gone because others have the cores.
SHARED = {
    "CACHE__KEYS": '["synthetic key"]',
    "PAGING__KEYS": '["synthetic key"]',
    "CACHE__REDIS__TIMEOUT": "20",
    "CACHE__LOCK_SECONDS": "30",
    "SERVER__PUBLIC_URL": "https://gw.example",
}


@contextmanager
def serving(pair: Pair, **settings: str) -> Iterator[str]:
    """The URL of a process of its own, with the cache as it is by default."""
    known = {"UPSTREAM__URL": pair.emulator.url, "SITES__DEFAULT__TIME_ZONE": "Australia/Sydney"}
    with program(*MODULE, "serve", "--port", "0", **known, **settings) as (_, line):
        yield line.split()[-1]


def equal(answers: list[httpx.Response]) -> bool:
    """Whether all were answered well, with the same entries."""
    return {each.status_code for each in answers} == {200} and len(
        {json.dumps(each.json()["entry"]) for each in answers}
    ) == 1


def test_fifty_at_once_cost_one_query(pair: Pair) -> None:
    pair.fault(kind="delay", delay=0.5, times=1)
    with serving(pair) as url:
        assert equal(all_at_once(50, url + PATH))
    assert billed(pair) == 1


def test_fifty_at_once_to_two_replicas_cost_one_query(pair: Pair) -> None:
    pair.fault(kind="delay", delay=0.5, times=1)
    with redis_server() as redis, ExitStack() as stack:
        urls = [stack.enter_context(serving(pair, CACHE__REDIS__URL=redis.url, **SHARED)) for _ in range(2)]
        assert equal(all_at_once(50, *(url + PATH for url in urls)))
    assert billed(pair) == 1
