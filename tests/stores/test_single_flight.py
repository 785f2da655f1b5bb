import asyncio
from collections.abc import Callable

import pytest

from gateway.stores.single_flight import SingleFlight


class Upstream:
    """Answers with the number of the query once it may."""

    def __init__(self) -> None:
        self.count = 0
        self.cancelled = 0
        self.may = asyncio.Event()

    async def ask(self) -> int:
        self.count += 1
        number = self.count
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


def unchanged() -> object:
    return 0


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_equal_questions_share_and_others_do_not() -> None:
    async def scene() -> None:
        flights, upstream = SingleFlight[int](9), Upstream()
        asked = [asyncio.create_task(flights.run(name, upstream.ask, unchanged)) for name in "aab"]
        await settle()
        upstream.may.set()
        assert await asyncio.gather(*asked) == [(1, False), (1, True), (2, False)]

    asyncio.run(scene())


def test_a_leader_who_leaves_takes_nobody_along() -> None:
    async def scene() -> None:
        flights, upstream = SingleFlight[int](9), Upstream()
        leader = asyncio.create_task(flights.run("a", upstream.ask, unchanged))
        await settle()
        follower = asyncio.create_task(flights.run("a", upstream.ask, unchanged))
        await settle()
        leader.cancel()
        await settle()
        upstream.may.set()
        assert await follower == (1, True)

    asyncio.run(scene())


@pytest.mark.parametrize(("orphans", "cancelled"), [(3, 0), (2, 1), (0, 3)])
def test_so_many_queries_may_run_for_nobody(orphans: int, cancelled: int) -> None:
    async def scene() -> None:
        flights, upstream = SingleFlight[int](orphans), Upstream()
        asked = [asyncio.create_task(flights.run(name, upstream.ask, unchanged)) for name in "abc"]
        await settle()
        for each in asked:
            each.cancel()
        await settle()
        assert upstream.cancelled == cancelled
        upstream.may.set()

    asyncio.run(scene())


def test_nobody_joins_a_query_that_is_being_ended() -> None:
    async def scene() -> None:
        flights, upstream = SingleFlight[int](0), Upstream()
        left = asyncio.create_task(flights.run("a", upstream.ask, unchanged))
        await settle()
        left.cancel()
        await asyncio.sleep(0)
        upstream.may.set()
        assert isinstance((await flights.run("a", upstream.ask, unchanged))[0], int)

    asyncio.run(scene())


def test_what_changed_since_a_query_began_ends_its_sharing() -> None:
    async def scene() -> None:
        flights, upstream, writes = SingleFlight[int](9), Upstream(), [0]
        mark: Callable[[], object] = lambda: writes[0]  # noqa: E731 - a reading, not a function
        before = asyncio.create_task(flights.run("a", upstream.ask, mark))
        await settle()
        writes[0] = 1
        after = asyncio.create_task(flights.run("a", upstream.ask, mark))
        await settle()
        third = asyncio.create_task(flights.run("a", upstream.ask, mark))
        await settle()
        upstream.may.set()
        assert [await before, await after, await third] == [(1, False), (2, False), (2, True)]

    asyncio.run(scene())


def test_who_wants_it_fresh_shares_only_what_has_not_begun() -> None:
    async def scene() -> None:
        flights, upstream = SingleFlight[int](9), Upstream()
        first = asyncio.create_task(flights.run("a", upstream.ask, unchanged))
        await settle()
        fresh = [
            asyncio.create_task(flights.run("a", upstream.ask, unchanged, require_new=True)) for _ in range(3)
        ]
        await settle()
        assert upstream.count == 1
        upstream.may.set()
        assert await first == (1, False)
        assert await asyncio.gather(*fresh) == [(2, False), (2, True), (2, True)]

    asyncio.run(scene())


def test_a_slow_query_holds_up_who_wants_it_fresh_for_a_second_at_most() -> None:
    async def scene() -> None:
        flights, upstream = SingleFlight[int](9), Upstream()
        first = asyncio.create_task(flights.run("a", upstream.ask, unchanged))
        await settle()
        fresh = asyncio.create_task(flights.run("a", upstream.ask, unchanged, require_new=True))
        await asyncio.sleep(1.1)
        assert upstream.count == 2
        upstream.may.set()
        await asyncio.gather(first, fresh)

    asyncio.run(scene())


def test_a_query_for_nobody_starts_once_and_only_where_there_is_room() -> None:
    async def scene() -> None:
        flights, upstream = SingleFlight[int](1), Upstream()
        for name in "aab":
            flights.run_detached(name, upstream.ask, unchanged)
        await settle()
        assert upstream.count == 1
        upstream.may.set()
        await settle()

    asyncio.run(scene())


def test_a_failure_reaches_all_and_is_not_kept() -> None:
    async def scene() -> None:
        flights, upstream = SingleFlight[int](9), Upstream()

        async def fails() -> int:
            await upstream.may.wait()
            raise LookupError

        asked = [asyncio.create_task(flights.run("a", fails, unchanged)) for _ in range(3)]
        await settle()
        upstream.may.set()
        problems = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in problems] == [LookupError] * 3
        assert await flights.run("a", upstream.ask, unchanged) == (1, False)

    asyncio.run(scene())
