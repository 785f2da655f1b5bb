import asyncio

import pytest
from support.event_loop import turns
from support.requests import SITE, fhir_request
from support.scripted_upstream import OK, READ

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.resilience.bulkhead import Bulkhead
from gateway.resilience.circuit import CIRCUIT_OPEN

OTHER = fhir_request("Patient/1", site=Site("other", SITE.zone))


class Slow:
    """An inner handler that answers when the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.running = self.most = 0

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        if request is OTHER:
            return OK
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        return OK


def waits(request: FhirRequest) -> float:
    return float(request.header("x-patience") or 5)


async def code(handler: Bulkhead, request: FhirRequest = READ) -> str:
    try:
        return str((await handler(request)).status)
    except Failure as failure:
        return failure.kind.code


def test_one_sites_slow_exchanges_fill_their_own_slots_and_nobody_elses() -> None:
    async def steps() -> None:
        slow = Slow()
        handler = Bulkhead(slow, 2, 3, waits)
        tasks = [asyncio.create_task(code(handler)) for _ in range(8)]
        await turns()
        assert await code(handler, OTHER) == "200"
        slow.gate.set()
        codes = await asyncio.gather(*tasks)
        assert (codes.count("200"), codes.count("overloaded"), slow.most) == (5, 3, 2)
        assert not handler._running_count
        assert not handler._queues

    asyncio.run(steps())


def test_slow_sites_leave_room_for_the_next_one() -> None:
    """Ten connections, and sites that would take four each: the third and the fourth still get theirs."""

    async def steps() -> None:
        slow = Slow()
        handler = Bulkhead(slow, 4, 20, waits, max_total=10)
        slow_sites = [fhir_request("Patient/1", site=Site(f"slow-{n}", SITE.zone)) for n in range(3)]
        tasks = [asyncio.create_task(code(handler, each)) for each in slow_sites for _ in range(9)]
        await turns()
        assert slow.running == 4 + 3 + 2
        assert await code(handler, OTHER) == "200"
        slow.gate.set()
        assert set(await asyncio.gather(*tasks)) == {"200"}
        assert not handler._running_count
        assert not handler._queues

    asyncio.run(steps())


def test_slots_are_neither_lost_nor_given_twice_when_waiters_leave() -> None:
    async def steps() -> None:
        slow = Slow()
        handler = Bulkhead(slow, 2, 50, waits, max_total=8)
        tasks = [asyncio.create_task(code(handler)) for _ in range(20)]
        await turns()
        for task in tasks[::3]:
            task.cancel()
        slow.gate.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for each in found if not isinstance(each, BaseException)] == ["200"] * 13
        assert slow.most == 2
        assert not handler._running_count
        assert not handler._queues

    asyncio.run(steps())


def test_the_wait_for_a_slot_ends_with_the_clients_patience() -> None:
    async def steps() -> None:
        slow = Slow()
        handler = Bulkhead(slow, 1, 3, waits)
        first = asyncio.create_task(code(handler))
        await turns()
        impatient = fhir_request("Patient/1", headers=(("x-patience", "0.01"),))
        assert await code(handler, impatient) == "overloaded"
        slow.gate.set()
        assert await first == "200"

    asyncio.run(steps())


def test_who_hangs_up_gives_the_place_back() -> None:
    async def steps() -> None:
        slow = Slow()
        handler = Bulkhead(slow, 1, 1, waits)
        tasks = [asyncio.create_task(code(handler)) for _ in range(2)]
        await turns()
        for task in tasks:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        slow.gate.set()
        assert await code(handler) == "200"

    asyncio.run(steps())


def test_a_site_that_rests_by_then_is_not_asked() -> None:
    async def check(_: FhirRequest) -> None:
        raise Failure(CIRCUIT_OPEN)

    async def steps() -> None:
        slow = Slow()
        assert await code(Bulkhead(slow, 1, 1, waits, check)) == "practice-circuit-open"
        assert slow.most == 0

    asyncio.run(steps())


def test_the_load_is_what_runs_and_what_waits() -> None:
    async def steps() -> None:
        slow = Slow()
        handler = Bulkhead(slow, 2, 5, waits)
        tasks = [asyncio.create_task(code(handler)) for _ in range(3)]
        await asyncio.sleep(0)
        assert handler.load_by_site() == {SITE.guid: (2, 1)}
        slow.gate.set()
        await asyncio.gather(*tasks)
        assert handler.load_by_site() == {}

    asyncio.run(steps())
