"""Rate limiter."""

import asyncio

import pytest
from support.requests import fhir_request, json_response
from support.scripted_upstream import OK, Clock, HandlerCase

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.resilience.fair_queue import QueueTicket
from gateway.resilience.rate_limiter import RateLimiter
from gateway.resilience.rate_limits import RateLimits
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import RATE_LIMITED

pytestmark = pytest.mark.anyio


def request(caller: str, batch: str = "") -> FhirRequest:
    return fhir_request("Patient/1", headers=(("x-caller", caller), ("x-batch", batch)))


def ticket_for(request: FhirRequest) -> QueueTicket:
    return QueueTicket("key", request.header("x-caller"), is_batch=bool(request.header("x-batch")))


class LimitedUpstream:
    """Upstream with a sliding limit of requests per second."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self.clock = clock
        self.limit = limit
        self.sent_requests: list[tuple[float, str]] = []
        self.refusals = 0

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        now = self.clock()
        if sum(at > now - 1 for at, _ in self.sent_requests) >= self.limit:
            self.refusals += 1
            raise Failure(
                RATE_LIMITED, retry_after=1, upstream_response=json_response({}, 429, retry_after="1")
            )
        self.sent_requests.append((now, request.header("x-caller")))
        return OK


class Case(HandlerCase):
    """Rate limiter in front of a limited upstream; only sleeps move the clock."""

    def __init__(self, limit: int, rate: float | None, max_wait: float = 30, max_queue: int = 1_000) -> None:
        self.clock = Clock()
        self.inner = LimitedUpstream(self.clock, limit)
        self.rates = RateLimits(MemoryStore(clock=self.clock), self.clock, rate)
        self.handler = RateLimiter(
            self.inner, self.rates, ticket_for, lambda _: max_wait, max_queue=max_queue, sleep=self._sleep
        )

    async def _sleep(self, seconds: float) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await self.clock.sleep(seconds)


@pytest.mark.parametrize("limit", [2, 6, 20, 100])
async def test_burst_of_200_is_sent_without_a_429(limit: int) -> None:
    case = Case(limit, limit)
    codes = await asyncio.gather(*(case.code(request("a")) for _ in range(200)))
    assert (codes.count("200"), case.inner.refusals) == (200, 0)
    duration = case.inner.sent_requests[-1][0] - case.inner.sent_requests[0][0]
    assert duration < 2.2 * 200 / limit


async def test_callers_of_one_key_are_served_in_rotation() -> None:
    case = Case(20, 20)
    requests = [request("many")] * 150 + [request("few")] * 10
    await asyncio.gather(*(case.code(request) for request in requests))
    sent_callers = [caller for _, caller in case.inner.sent_requests]
    assert max(place for place, caller in enumerate(sent_callers) if caller == "few") <= 22


async def test_batch_waits_for_interactive_requests() -> None:
    case = Case(20, 20)
    requests = [request("night", "yes")] * 50 + [request("clinic")] * 20
    await asyncio.gather(*(case.code(request) for request in requests))
    callers = [caller for _, caller in case.inner.sent_requests]
    assert callers[1:21] == ["clinic"] * 20


async def test_full_queue_is_429_with_the_waiting_time() -> None:
    case = Case(20, 20, max_queue=40)
    codes = await asyncio.gather(*(case.code(request("a")) for _ in range(100)))
    assert codes.count("rate-limited") == 59
    assert case.last_failure.retry_after == 2
    assert case.inner.refusals == 0


async def test_wait_ends_after_the_maximum_wait() -> None:
    case = Case(20, 0.5, max_wait=0.05)
    case.handler._sleep = asyncio.sleep
    assert await case.code(request("a")) == "200"
    assert await case.code(request("a")) == "rate-limited"
    for task in tuple(case.handler._queue_tasks):
        await task
    assert case.handler._queues == {}


async def test_429_lowers_the_rate_which_rises_again() -> None:
    case = Case(10, None)
    codes = await asyncio.gather(*(case.code(request("a")) for _ in range(40)))
    assert codes.count("rate-limited") == 1
    learned_rate = await case.rates.current_rate("key")
    assert learned_rate == pytest.approx(7.7)
    for _ in range(3):
        await asyncio.gather(*(case.code(request("a")) for _ in range(60)))
    assert case.inner.refusals == 1
    case.clock.now += 600
    assert (await case.rates.current_rate("key") or 0) > 7.7


async def test_retry_after_of_the_upstream_applies_to_the_key() -> None:
    case = Case(1, None, max_wait=0.5)
    assert [await case.code(request("a")) for _ in range(3)] == ["200", "rate-limited", "rate-limited"]
    assert case.inner.refusals == 1
    assert case.last_failure.retry_after == 1
    case.clock.now += 1.1
    assert await case.code(request("a")) == "200"


async def test_requests_without_a_rate_do_not_wait() -> None:
    case = Case(10_000, None)
    await asyncio.gather(*(case.code(request("a")) for _ in range(500)))
    assert case.clock.sleeps == []
    assert await case.rates.current_rate("key") is None
