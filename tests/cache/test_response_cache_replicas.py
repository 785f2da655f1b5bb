"""Requests at one replica that join a request which waits for another replica."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from stores.test_redis_channel import wait_until
from support.cache import PATIENT, Practice, get_request, status
from support.requests import json_response

from gateway.cache.response_cache import ResponseCache
from gateway.errors.failure import Failure
from gateway.ledger.budgets import APP_BUDGET_USED
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio


class CountingStore(MemoryStore):
    """Counts the attempts to get a lock."""

    attempts = 0

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        self.attempts += 1
        return await super().acquire_lock(name, holder, seconds)


class Replicas:
    """Two replicas with one store; the practice does not respond to the first, which has asked."""

    def __init__(self) -> None:
        self.store = CountingStore()
        self.leader, self.other = Practice(lock_seconds=60), Practice(lock_seconds=60)
        for each in (self.leader, self.other):
            each.cache = ResponseCache(each.upstream, self.store, each.config, self.leader.clock)


@asynccontextmanager
async def running_leader() -> AsyncIterator[Replicas]:
    replicas = Replicas()
    replicas.leader.may_respond.clear()
    first = asyncio.create_task(replicas.leader.get())
    await wait_until(lambda: len(replicas.leader.upstream_requests) == 1)
    yield replicas
    replicas.leader.may_respond.set()
    await first


async def test_joined_result_of_another_replica_is_not_too_old() -> None:
    async with running_leader() as replicas:
        ask = replicas.other.get
        follower = asyncio.create_task(ask())
        await wait_until(lambda: replicas.store.attempts > 1)
        replicas.leader.advance(3)
        young, any_age = asyncio.create_task(ask(cache_control="max-age=2")), asyncio.create_task(ask())
        for _ in range(20):
            await asyncio.sleep(0)
        replicas.leader.may_respond.set()
        responses = await asyncio.gather(follower, any_age, young)
    assert ["collapsed" in status(response) for response in responses] == [True, True, False]
    assert len(replicas.other.upstream_requests) == 1


async def test_joined_refusal_of_another_app_costs_no_second_wait() -> None:
    async with running_leader() as replicas:
        request = get_request(cache_control="max-age=1")
        replicas.other.response = Failure(APP_BUDGET_USED)
        replicas.other.may_respond.clear()
        boards, letters = (
            asyncio.create_task(replicas.other.cache(request.replace(app=app)))
            for app in ("board", "letters")
        )
        await wait_until(lambda: len(replicas.other.upstream_requests) == 1)
        replicas.other.response, attempts = json_response(PATIENT), replicas.store.attempts
        replicas.other.may_respond.set()
        assert isinstance((await asyncio.gather(boards, return_exceptions=True))[0], Failure)
        assert (await letters).status == 200
    assert (replicas.store.attempts, len(replicas.other.upstream_requests)) == (attempts, 2)
