import asyncio

import pytest
from resilience.test_rate_limiter import Limited, request, who
from support.requests import fhir_request
from support.scripted_upstream import Asking, Clock, run

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, WaitClock
from gateway.resilience.rate_limiter import RateLimiter, RateLimitRecheck
from gateway.resilience.rate_limits import SEND_PERMIT, RateLimits, SendPermit
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import RATE_LIMITED


class Case(Asking):
    """A Metered that is reached late, or twice, after a turn."""

    def __init__(self, limit: int, *, late: float = 0.0, times: int = 1, patience: float = 60) -> None:
        self.clock = Clock()
        self.inner = Limited(self.clock, limit)
        self.rates = RateLimits(MemoryStore(clock=self.clock), self.clock, limit)
        self.metered = RateLimitRecheck(self.inner, self.rates, lambda _: patience, sleep=self.clock.sleep)
        self.gate = asyncio.Event()
        self.late, self.times = late, times
        self.handler = RateLimiter(self._held, self.rates, who, lambda _: 60, sleep=self._sleep)

    async def _held(self, request: FhirRequest) -> FhirResponse:
        if self.late:
            await self.gate.wait()
        for _ in range(self.times):
            response = await self.metered(request)
        return response

    async def _sleep(self, seconds: float) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await self.clock.sleep(seconds)


def test_what_a_queue_held_up_leaves_within_the_rate() -> None:
    async def steps() -> None:
        case = Case(10, late=1)
        asked = [asyncio.create_task(case.code(request("a"))) for _ in range(40)]
        for _ in range(400):
            await asyncio.sleep(0)
        case.clock.now += 60
        case.gate.set()
        assert await asyncio.gather(*asked) == ["200"] * 40
        assert case.inner.refused == 0

    run(steps())


def test_what_is_asked_again_takes_another_turn() -> None:
    async def steps() -> None:
        case = Case(5, times=3)
        assert [await case.code(request("a")) for _ in range(10)] == ["200"] * 10
        assert (len(case.inner.sent), case.inner.refused) == (30, 0)

    run(steps())


def test_without_a_turn_nothing_waits() -> None:
    async def steps() -> None:
        case = Case(1)
        assert [(await case.metered(fhir_request())).status for _ in range(1)] == [200]
        assert case.clock.slept == []

    run(steps())


def test_a_second_turn_is_waited_for_as_long_as_the_client_is_patient() -> None:
    async def steps() -> None:
        case = Case(5, times=2, patience=1.5)
        asked = fhir_request("Patient/1", headers=(("x-caller", "a"),), wait_clock=WaitClock(case.clock()))
        blocked = Failure(RATE_LIMITED, retry_after=60)
        assert await case.code(asked) == "200"
        assert asked.wait_clock.waited_seconds(case.clock()) > 0
        await case.rates.record_refusal("key", blocked, case.clock() + 1)
        SEND_PERMIT.set(SendPermit(case.rates.record_sent("key")))
        await case.metered(asked)
        with pytest.raises(Failure) as refused:
            await case.metered(asked)
        assert (refused.value.kind.code, refused.value.retry_after) == ("rate-limited", 60)

    run(steps())


def test_our_own_refusal_teaches_no_lower_rate() -> None:
    async def steps() -> None:
        case = Case(5)

        async def busy(request: FhirRequest) -> FhirResponse:
            del request
            raise Failure(RATE_LIMITED, retry_after=9)

        case.handler = RateLimiter(busy, case.rates, who, lambda _: 60, sleep=case._sleep)
        assert await case.code(request("a")) == "rate-limited"
        assert await case.rates.blocked_seconds("key") == 0

    run(steps())
