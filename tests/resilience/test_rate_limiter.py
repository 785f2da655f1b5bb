import asyncio

import pytest
from support.requests import fhir_request, json_response
from support.scripted_upstream import OK, Asking, Clock, run

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.resilience.fair_queue import QueueTicket
from gateway.resilience.rate_limiter import RateLimiter
from gateway.resilience.rate_limits import RateLimits
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import RATE_LIMITED


def request(caller: str, batch: str = "") -> FhirRequest:
    return fhir_request("Patient/1", headers=(("x-caller", caller), ("x-batch", batch)))


def who(request: FhirRequest) -> QueueTicket:
    return QueueTicket("key", request.header("x-caller"), is_batch=bool(request.header("x-batch")))


class Limited:
    """An upstream with a sliding limit per second."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self.clock = clock
        self.limit = limit
        self.sent: list[tuple[float, str]] = []
        self.refused = 0

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        now = self.clock()
        if sum(at > now - 1 for at, _ in self.sent) >= self.limit:
            self.refused += 1
            raise Failure(
                RATE_LIMITED, retry_after=1, upstream_response=json_response({}, 429, retry_after="1")
            )
        self.sent.append((now, request.header("x-caller")))
        return OK


class Case(Asking):
    """A Paced with a clock of its own before a limited upstream; the clock moves by sleeping only."""

    def __init__(self, limit: int, rate: float | None, patience: float = 30, most: int = 1_000) -> None:
        self.clock = Clock()
        self.inner = Limited(self.clock, limit)
        self.rates = RateLimits(MemoryStore(clock=self.clock), self.clock, rate)
        self.handler = RateLimiter(
            self.inner, self.rates, who, lambda _: patience, max_queue=most, sleep=self._sleep
        )

    async def _sleep(self, seconds: float) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await self.clock.sleep(seconds)


@pytest.mark.parametrize("limit", [2, 6, 20, 100])
def test_a_burst_of_200_loses_nothing_and_meets_no_429(limit: int) -> None:
    async def steps() -> None:
        case = Case(limit, limit)
        codes = await asyncio.gather(*(case.code(request("a")) for _ in range(200)))
        assert (codes.count("200"), case.inner.refused) == (200, 0)
        took = case.inner.sent[-1][0] - case.inner.sent[0][0]
        assert took < 2.2 * 200 / limit

    run(steps())


def test_callers_of_one_key_are_served_in_turn() -> None:
    async def steps() -> None:
        case = Case(20, 20)
        crowd = [request("many")] * 150 + [request("few")] * 10
        await asyncio.gather(*(case.code(each) for each in crowd))
        places = [place for place, (_, caller) in enumerate(case.inner.sent) if caller == "few"]
        assert max(places) <= 22

    run(steps())


def test_batch_waits_until_nobody_else_does() -> None:
    async def steps() -> None:
        case = Case(20, 20)
        crowd = [request("night", "yes")] * 50 + [request("clinic")] * 20
        await asyncio.gather(*(case.code(each) for each in crowd))
        callers = [caller for _, caller in case.inner.sent]
        assert callers[1:21] == ["clinic"] * 20

    run(steps())


def test_who_cannot_wait_that_long_gets_429_with_the_time() -> None:
    async def steps() -> None:
        case = Case(20, 20, most=40)
        codes = await asyncio.gather(*(case.code(request("a")) for _ in range(100)))
        assert codes.count("rate-limited") == 59
        assert case.last.retry_after == 2
        assert case.inner.refused == 0

    run(steps())


def test_patience_ends_a_wait() -> None:
    async def steps() -> None:
        case = Case(20, 0.5, patience=0.05)
        case.handler._sleep = asyncio.sleep
        assert await case.code(request("a")) == "200"
        assert await case.code(request("a")) == "rate-limited"
        for task in tuple(case.handler._queue_tasks):
            await task
        assert case.handler._queues == {}

    run(steps())


def test_a_429_teaches_a_rate_that_rises_again() -> None:
    async def steps() -> None:
        case = Case(10, None)
        codes = await asyncio.gather(*(case.code(request("a")) for _ in range(40)))
        assert codes.count("rate-limited") == 1
        learned = await case.rates.current_rate("key")
        assert learned == pytest.approx(7.7)
        for _ in range(3):
            await asyncio.gather(*(case.code(request("a")) for _ in range(60)))
        assert case.inner.refused == 1
        case.clock.now += 600
        assert (await case.rates.current_rate("key") or 0) > 7.7

    run(steps())


def test_the_upstreams_retry_after_holds_for_the_whole_key() -> None:
    async def steps() -> None:
        case = Case(1, None, patience=0.5)
        assert [await case.code(request("a")) for _ in range(3)] == ["200", "rate-limited", "rate-limited"]
        assert case.inner.refused == 1
        assert case.last.retry_after == 1
        case.clock.now += 1.1
        assert await case.code(request("a")) == "200"

    run(steps())


def test_without_a_rate_nobody_waits() -> None:
    async def steps() -> None:
        case = Case(10_000, None)
        await asyncio.gather(*(case.code(request("a")) for _ in range(500)))
        assert case.clock.slept == []
        assert await case.rates.current_rate("key") is None

    run(steps())
