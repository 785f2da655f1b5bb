"""What a request has caused so far."""

import asyncio

import pytest

from gateway.request_effects import RequestEffects, begin_effects, current_effects

pytestmark = pytest.mark.anyio


async def test_tasks_of_a_request_count_for_it_alone() -> None:
    async def send(queries: int) -> RequestEffects:
        effects = begin_effects()
        await asyncio.gather(*(count_one() for _ in range(queries)))
        return effects

    async def count_one() -> None:
        await asyncio.sleep(0)
        current_effects().queries += 1

    assert [effects.queries for effects in await asyncio.gather(send(2), send(3))] == [2, 3]
    current_effects().queries += 1
    assert current_effects() == RequestEffects()
