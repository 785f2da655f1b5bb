"""Concurrent identical requests to `halo-gateway serve`: one query on the bill."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from cli.test_commands import MODULE, program
from conftest import Pair
from end_to_end.test_cache import billed_queries, send_concurrently
from support.redis_server import redis_server
from support.secrets import SECRET

from gateway.emulator.sites import SYDNEY

PATH = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient?gender=female&_count=5"
#: Long timeouts in seconds: on a busy machine neither Redis nor the leader counts as down.
SHARED = {
    "CACHE__KEYS": f'["{SECRET}"]',
    "PAGING__KEYS": f'["{SECRET}"]',
    "CACHE__REDIS__TIMEOUT": "20",
    "CACHE__LOCK_SECONDS": "30",
    "SERVER__PUBLIC_URL": "https://gw.example",
}


@contextmanager
def serve_gateway(pair: Pair, **settings: str) -> Iterator[str]:
    """Run `halo-gateway serve` with the default cache settings and yield its URL."""
    defaults = {"UPSTREAM__URL": pair.emulator.url, "SITES__DEFAULT__TIME_ZONE": "Australia/Sydney"}
    with program(*MODULE, "serve", "--port", "0", **defaults, **settings) as (_, line):
        yield line.split()[-1]


def are_identical(responses: list[httpx.Response]) -> bool:
    """Whether all responses have status 200 and the same entries."""
    return {response.status_code for response in responses} == {200} and len(
        {json.dumps(response.json()["entry"]) for response in responses}
    ) == 1


@pytest.mark.anyio
async def test_fifty_concurrent_requests_cost_one_query(pair: Pair) -> None:
    pair.fault(kind="delay", delay=0.5, times=1)
    with serve_gateway(pair) as url:
        assert are_identical(await send_concurrently(50, url + PATH))
    assert billed_queries(pair) == 1


@pytest.mark.anyio
async def test_fifty_concurrent_requests_to_two_replicas_cost_one_query(pair: Pair) -> None:
    pair.fault(kind="delay", delay=0.5, times=1)
    with redis_server() as redis, ExitStack() as stack:
        urls = [
            stack.enter_context(serve_gateway(pair, CACHE__REDIS__URL=redis.url, **SHARED)) for _ in range(2)
        ]
        assert are_identical(await send_concurrently(50, *(url + PATH for url in urls)))
    assert billed_queries(pair) == 1
