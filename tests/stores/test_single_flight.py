"""Coalescing of concurrent calls."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.stores.single_flight import SingleFlight

pytestmark = pytest.mark.anyio


class Upstream:
    """Returns the number of the request once `may_respond` is set."""

    def __init__(self) -> None:
        self.count = 0
        self.cancellations = 0
        self.may_respond = asyncio.Event()

    async def fetch(self) -> int:
        self.count += 1
        number = self.count
        try:
            await self.may_respond.wait()
        except asyncio.CancelledError:
            self.cancellations += 1
            raise
        return number


def constant_version() -> object:
    return 0


async def run_ready_tasks() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_calls_with_the_same_key_are_coalesced() -> None:
    flights, upstream = SingleFlight[int](9), Upstream()
    calls = [asyncio.create_task(flights.run(key, upstream.fetch, constant_version)) for key in "aab"]
    await run_ready_tasks()
    upstream.may_respond.set()
    assert await asyncio.gather(*calls) == [(1, False), (1, True), (2, False)]


async def test_cancelled_leader_does_not_cancel_its_follower() -> None:
    flights, upstream = SingleFlight[int](9), Upstream()
    leader = asyncio.create_task(flights.run("a", upstream.fetch, constant_version))
    await run_ready_tasks()
    follower = asyncio.create_task(flights.run("a", upstream.fetch, constant_version))
    await run_ready_tasks()
    leader.cancel()
    await run_ready_tasks()
    upstream.may_respond.set()
    assert await follower == (1, True)


@pytest.mark.parametrize(("max_detached", "cancellations"), [(3, 0), (2, 1), (0, 3)])
async def test_calls_beyond_max_detached_are_cancelled(max_detached: int, cancellations: int) -> None:
    flights, upstream = SingleFlight[int](max_detached), Upstream()
    calls = [asyncio.create_task(flights.run(key, upstream.fetch, constant_version)) for key in "abc"]
    await run_ready_tasks()
    for call in calls:
        call.cancel()
    await run_ready_tasks()
    assert upstream.cancellations == cancellations
    upstream.may_respond.set()


async def test_cancelled_call_is_not_joined() -> None:
    flights, upstream = SingleFlight[int](0), Upstream()
    cancelled_call = asyncio.create_task(flights.run("a", upstream.fetch, constant_version))
    await run_ready_tasks()
    cancelled_call.cancel()
    await asyncio.sleep(0)
    upstream.may_respond.set()
    assert isinstance((await flights.run("a", upstream.fetch, constant_version))[0], int)


async def test_call_of_an_older_version_is_not_joined() -> None:
    flights, upstream, writes = SingleFlight[int](9), Upstream(), [0]
    version: Callable[[], object] = lambda: writes[0]  # noqa: E731 - a reading, not a function
    before = asyncio.create_task(flights.run("a", upstream.fetch, version))
    await run_ready_tasks()
    writes[0] = 1
    after = asyncio.create_task(flights.run("a", upstream.fetch, version))
    await run_ready_tasks()
    third = asyncio.create_task(flights.run("a", upstream.fetch, version))
    await run_ready_tasks()
    upstream.may_respond.set()
    assert [await before, await after, await third] == [(1, False), (2, False), (2, True)]


async def test_required_new_calls_share_one_queued_call() -> None:
    flights, upstream = SingleFlight[int](9), Upstream()
    first = asyncio.create_task(flights.run("a", upstream.fetch, constant_version))
    await run_ready_tasks()
    new_calls = [
        asyncio.create_task(flights.run("a", upstream.fetch, constant_version, max_age=0)) for _ in range(3)
    ]
    await run_ready_tasks()
    assert upstream.count == 1
    upstream.may_respond.set()
    assert await first == (1, False)
    assert await asyncio.gather(*new_calls) == [(2, False), (2, True), (2, True)]


async def test_required_new_call_waits_one_second_at_most() -> None:
    flights, upstream = SingleFlight[int](9), Upstream()
    first = asyncio.create_task(flights.run("a", upstream.fetch, constant_version))
    await run_ready_tasks()
    new_call = asyncio.create_task(flights.run("a", upstream.fetch, constant_version, max_age=0))
    await asyncio.sleep(1.1)
    assert upstream.count == 2
    upstream.may_respond.set()
    await asyncio.gather(first, new_call)


async def test_detached_call_starts_once_and_below_max_detached() -> None:
    flights, upstream = SingleFlight[int](1), Upstream()
    for key in "aab":
        flights.run_detached(key, upstream.fetch, constant_version)
    await run_ready_tasks()
    assert upstream.count == 1
    upstream.may_respond.set()
    await run_ready_tasks()


async def test_failure_is_raised_to_all_and_not_stored() -> None:
    flights, upstream = SingleFlight[int](9), Upstream()

    async def fail() -> int:
        await upstream.may_respond.wait()
        raise LookupError

    calls = [asyncio.create_task(flights.run("a", fail, constant_version)) for _ in range(3)]
    await run_ready_tasks()
    upstream.may_respond.set()
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in errors] == [LookupError] * 3
    assert await flights.run("a", upstream.fetch, constant_version) == (1, False)


async def test_call_that_runs_too_long_is_not_joined() -> None:
    flights, upstream = SingleFlight[int](9), Upstream()
    first = asyncio.create_task(flights.run("a", upstream.fetch, constant_version))
    await asyncio.sleep(0.05)
    younger, patient = (
        asyncio.create_task(flights.run("a", upstream.fetch, constant_version, max_age))
        for max_age in (0.04, 60)
    )
    await run_ready_tasks()
    upstream.may_respond.set()
    assert [await first, await younger, await patient] == [(1, False), (2, False), (1, True)]


async def test_calls_that_want_younger_data_share_the_next() -> None:
    flights, upstream = SingleFlight[int](9), Upstream()
    first = asyncio.create_task(flights.run("a", upstream.fetch, constant_version))
    await asyncio.sleep(0.05)
    ages = (0.0, 0.01, 0.04)
    others = [asyncio.create_task(flights.run("a", upstream.fetch, constant_version, age)) for age in ages]
    await run_ready_tasks()
    upstream.may_respond.set()
    assert await first == (1, False)
    assert await asyncio.gather(*others) == [(2, False), (2, True), (2, True)]
