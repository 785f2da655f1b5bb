"""Bulkhead."""

import asyncio

import pytest
from support.event_loop import turns
from support.requests import SITE, fhir_request
from support.scripted_upstream import OK, READ

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.resilience.bulkhead import Bulkhead
from gateway.resilience.circuit import CIRCUIT_OPEN

pytestmark = pytest.mark.anyio

OTHER_SITE_REQUEST = fhir_request("Patient/1", site=Site("other", SITE.zone))


class SlowUpstream:
    """Inner handler that responds after `may_respond` is set, and at once to requests of the other site."""

    def __init__(self) -> None:
        self.may_respond = asyncio.Event()
        self.running = self.max_running = 0

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        if request is OTHER_SITE_REQUEST:
            return OK
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        try:
            await self.may_respond.wait()
        finally:
            self.running -= 1
        return OK


def remaining_wait(request: FhirRequest) -> float:
    return float(request.header("x-max-wait") or 5)


async def code(handler: Bulkhead, request: FhirRequest = READ) -> str:
    try:
        return str((await handler(request)).status)
    except Failure as failure:
        return failure.kind.code


async def test_slow_site_fills_only_its_own_slots() -> None:
    upstream = SlowUpstream()
    handler = Bulkhead(upstream, 2, 3, remaining_wait)
    tasks = [asyncio.create_task(code(handler)) for _ in range(8)]
    await turns()
    assert await code(handler, OTHER_SITE_REQUEST) == "200"
    upstream.may_respond.set()
    codes = await asyncio.gather(*tasks)
    assert (codes.count("200"), codes.count("overloaded"), upstream.max_running) == (5, 3, 2)
    assert not handler._running_count
    assert not handler._queues


async def test_slow_sites_leave_room_for_the_next_site() -> None:
    upstream = SlowUpstream()
    handler = Bulkhead(upstream, 4, 20, remaining_wait, max_total=10)
    slow_sites = [fhir_request("Patient/1", site=Site(f"slow-{n}", SITE.zone)) for n in range(3)]
    tasks = [asyncio.create_task(code(handler, request)) for request in slow_sites for _ in range(9)]
    await turns()
    assert upstream.running == 4 + 3 + 2
    assert await code(handler, OTHER_SITE_REQUEST) == "200"
    upstream.may_respond.set()
    assert set(await asyncio.gather(*tasks)) == {"200"}
    assert not handler._running_count
    assert not handler._queues


async def test_cancelled_waiters_neither_lose_nor_double_slots() -> None:
    upstream = SlowUpstream()
    handler = Bulkhead(upstream, 2, 50, remaining_wait, max_total=8)
    tasks = [asyncio.create_task(code(handler)) for _ in range(20)]
    await turns()
    for task in tasks[::3]:
        task.cancel()
    upstream.may_respond.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [code for code in results if not isinstance(code, BaseException)] == ["200"] * 13
    assert upstream.max_running == 2
    assert not handler._running_count
    assert not handler._queues


async def test_wait_for_a_slot_ends_after_the_maximum_wait() -> None:
    upstream = SlowUpstream()
    handler = Bulkhead(upstream, 1, 3, remaining_wait)
    first = asyncio.create_task(code(handler))
    await turns()
    request = fhir_request("Patient/1", headers=(("x-max-wait", "0.01"),))
    assert await code(handler, request) == "overloaded"
    upstream.may_respond.set()
    assert await first == "200"


async def test_cancelled_requests_release_their_slots() -> None:
    upstream = SlowUpstream()
    handler = Bulkhead(upstream, 1, 1, remaining_wait)
    tasks = [asyncio.create_task(code(handler)) for _ in range(2)]
    await turns()
    for task in tasks:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.gather(*tasks)
    upstream.may_respond.set()
    assert await code(handler) == "200"


async def test_failed_admission_check_sends_no_request() -> None:
    async def check(_: FhirRequest) -> None:
        raise Failure(CIRCUIT_OPEN)

    upstream = SlowUpstream()
    assert await code(Bulkhead(upstream, 1, 1, remaining_wait, check)) == "practice-circuit-open"
    assert upstream.max_running == 0


async def test_load_counts_running_and_waiting_requests() -> None:
    upstream = SlowUpstream()
    handler = Bulkhead(upstream, 2, 5, remaining_wait)
    tasks = [asyncio.create_task(code(handler)) for _ in range(3)]
    await asyncio.sleep(0)
    assert handler.load_by_site() == {SITE.guid: (2, 1)}
    upstream.may_respond.set()
    await asyncio.gather(*tasks)
    assert handler.load_by_site() == {}
