"""Bulkhead."""

import asyncio
from collections.abc import Callable
from itertools import count

import pytest
from support.event_loop import turns
from support.requests import SITE, fhir_request, sql_request
from support.scripted_upstream import OK, READ

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.resilience.bulkhead import Bulkhead, BulkheadLimits
from gateway.resilience.circuit import CIRCUIT_OPEN

pytestmark = pytest.mark.anyio

_CALLERS = count()
OTHER_SITE_REQUEST = fhir_request("Patient/1", site=Site("other", SITE.zone))


class SlowUpstream:
    """Inner handler that responds after `may_respond` is set, and at once to requests of the other site."""

    def __init__(self) -> None:
        self.may_respond = asyncio.Event()
        self.running = self.max_running = 0
        self.callers: list[str] = []

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        if request is OTHER_SITE_REQUEST:
            return OK
        self.running += 1
        self.callers.append(request.header("x-caller"))
        self.max_running = max(self.max_running, self.running)
        try:
            await self.may_respond.wait()
        finally:
            self.running -= 1
        return OK


def remaining_wait(request: FhirRequest) -> float:
    return float(request.header("x-max-wait") or 5)


def by_header(request: FhirRequest) -> str:
    return request.header("x-caller")


def request_of(caller: str, site: Site = SITE) -> FhirRequest:
    return fhir_request("Patient/1", site=site, headers=(("x-caller", caller),))


def bulkhead(
    upstream: Handler,
    max_concurrent: int,
    max_queue: int,
    max_total: int = 100,
    caller_of: Callable[[FhirRequest], str] = lambda _: str(next(_CALLERS)),
) -> Bulkhead:
    """Bulkhead with these limits; without `caller_of` each request has a caller of its own."""
    limits = BulkheadLimits(max_concurrent, max_queue, max_total)
    return Bulkhead(upstream, limits, remaining_wait, caller_of)


async def code(handler: Bulkhead, request: FhirRequest = READ) -> str:
    try:
        return str((await handler(request)).status)
    except Failure as failure:
        return failure.kind.code


async def test_slow_site_fills_only_its_own_slots() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 2, 3)
    tasks = [asyncio.create_task(code(handler)) for _ in range(8)]
    await turns()
    assert await code(handler, OTHER_SITE_REQUEST) == "200"
    upstream.may_respond.set()
    codes = await asyncio.gather(*tasks)
    assert (codes.count("200"), codes.count("overloaded"), upstream.max_running) == (5, 3, 2)
    assert not handler._running_by_site
    assert not handler._queues


async def test_slow_sites_leave_room_for_the_next_site() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 4, 20, 10)
    slow_sites = [fhir_request("Patient/1", site=Site(f"slow-{n}", SITE.zone)) for n in range(3)]
    tasks = [asyncio.create_task(code(handler, request)) for request in slow_sites for _ in range(9)]
    await turns()
    assert upstream.running == 4 + 3 + 2
    assert await code(handler, OTHER_SITE_REQUEST) == "200"
    upstream.may_respond.set()
    assert set(await asyncio.gather(*tasks)) == {"200"}
    assert not handler._running_by_site
    assert not handler._queues


async def test_cancelled_waiters_neither_lose_nor_double_slots() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 2, 50, 8)
    tasks = [asyncio.create_task(code(handler)) for _ in range(20)]
    await turns()
    for task in tasks[::3]:
        task.cancel()
    upstream.may_respond.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [code for code in results if not isinstance(code, BaseException)] == ["200"] * 13
    assert upstream.max_running == 2
    assert not handler._running_by_site
    assert not handler._queues


async def test_wait_for_a_slot_ends_after_the_maximum_wait() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 1, 3)
    first = asyncio.create_task(code(handler))
    await turns()
    request = fhir_request("Patient/1", headers=(("x-max-wait", "0.01"),))
    assert await code(handler, request) == "overloaded"
    upstream.may_respond.set()
    assert await first == "200"


async def test_cancelled_requests_release_their_slots() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 1, 1)
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
    handler = Bulkhead(upstream, BulkheadLimits(1, 1), remaining_wait, by_header, check)
    assert await code(handler) == "practice-circuit-open"
    assert upstream.max_running == 0


async def test_load_counts_running_and_waiting_requests() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 2, 5)
    tasks = [asyncio.create_task(code(handler)) for _ in range(3)]
    await asyncio.sleep(0)
    assert handler.load_by_site() == {SITE.guid: (2, 1)}
    upstream.may_respond.set()
    await asyncio.gather(*tasks)
    assert handler.load_by_site() == {}


async def test_one_caller_has_half_of_the_slots_and_the_queue() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 4, 10, caller_of=by_header)
    greedy = [asyncio.create_task(code(handler, request_of("greedy"))) for _ in range(20)]
    await turns()
    assert handler.load_by_site() == {SITE.guid: (2, 5)}
    others = [asyncio.create_task(code(handler, request_of("other"))) for _ in range(2)]
    await turns()
    assert upstream.callers == ["greedy", "greedy", "other", "other"]
    upstream.may_respond.set()
    codes = await asyncio.gather(*greedy)
    assert (codes.count("200"), codes.count("overloaded")) == (7, 13)
    assert await asyncio.gather(*others) == ["200", "200"]
    assert handler._running_by_site == handler._running_by_ticket == handler._running_by_caller == {}
    assert not handler._queues


async def test_waiting_callers_get_free_slots_in_rotation() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 2, 20, caller_of=by_header)
    names = ["a", "b", "a", "a", "a", "b", "c"]
    tasks = [asyncio.create_task(code(handler, request_of(name))) for name in names]
    await turns()
    upstream.may_respond.set()
    assert await asyncio.gather(*tasks) == ["200"] * 7
    assert upstream.callers[:2] == ["a", "b"]
    assert sorted(upstream.callers[2:5]) == ["a", "b", "c"]


async def test_one_caller_at_many_sites_leaves_half_of_all_slots() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 4, 4, 10, caller_of=by_header)
    sites = [Site(f"site-{number}", SITE.zone) for number in range(20)]
    greedy = [asyncio.create_task(code(handler, request_of("greedy", site))) for site in sites]
    await turns()
    assert upstream.running == 5
    other = asyncio.create_task(code(handler, request_of("other")))
    await turns()
    assert upstream.running == 6
    upstream.may_respond.set()
    assert set(await asyncio.gather(*greedy, other)) == {"200"}
    assert not handler._queues


async def test_caller_beyond_its_queue_is_rejected_at_once() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 1, 0, caller_of=by_header)
    first = asyncio.create_task(code(handler, request_of("greedy")))
    await turns()
    assert await code(handler, request_of("greedy")) == "overloaded"
    upstream.may_respond.set()
    assert await first == "200"


async def test_request_that_halo_cloud_answers_takes_no_place() -> None:
    upstream = SlowUpstream()
    handler = bulkhead(upstream, 1, 0)
    tasks = [asyncio.create_task(code(handler, request)) for request in (READ, *[sql_request("status")] * 3)]
    await turns()
    assert (upstream.running, await code(handler, sql_request())) == (4, "overloaded")
    upstream.may_respond.set()
    assert set(await asyncio.gather(*tasks)) == {"200"}
