"""Second permits of late and repeated requests."""

import asyncio

import pytest
from resilience.test_rate_limiter import LimitedUpstream, request, ticket_for
from support.requests import fhir_request
from support.scripted_upstream import Clock, HandlerCase

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, SendPermit
from gateway.resilience.rate_limiter import RateLimiter, RateLimitRecheck
from gateway.resilience.rate_limits import RateLimits
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import RATE_LIMITED

pytestmark = pytest.mark.anyio


class Case(HandlerCase):
    """RateLimitRecheck behind a rate limiter, with requests that are sent late or several times."""

    def __init__(self, limit: int, *, is_late: bool = False, times: int = 1, max_wait: float = 60) -> None:
        self.clock = Clock()
        self.inner = LimitedUpstream(self.clock, limit)
        self.rates = RateLimits(MemoryStore(clock=self.clock), self.clock, limit)
        self.recheck = RateLimitRecheck(self.inner, self.rates, lambda _: max_wait, sleep=self.clock.sleep)
        self.may_send = asyncio.Event()
        self.is_late, self.times = is_late, times
        self.handler = RateLimiter(self._send, self.rates, ticket_for, lambda _: 60, sleep=self._sleep)

    async def _send(self, request: FhirRequest) -> FhirResponse:
        if self.is_late:
            await self.may_send.wait()
        for _ in range(self.times):
            response = await self.recheck(request)
            request = request.with_used_permit()
        return response

    async def _sleep(self, seconds: float) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await self.clock.sleep(seconds)


async def test_late_requests_are_sent_within_the_rate() -> None:
    case = Case(10, is_late=True)
    tasks = [asyncio.create_task(case.code(request("a"))) for _ in range(40)]
    for _ in range(400):
        await asyncio.sleep(0)
    case.clock.now += 60
    case.may_send.set()
    assert await asyncio.gather(*tasks) == ["200"] * 40
    assert case.inner.refusals == 0


async def test_repeated_request_takes_another_permit() -> None:
    case = Case(5, times=3)
    assert [await case.code(request("a")) for _ in range(10)] == ["200"] * 10
    assert (len(case.inner.sent_requests), case.inner.refusals) == (30, 0)


async def test_request_without_permit_does_not_wait() -> None:
    case = Case(1)
    assert [(await case.recheck(fhir_request())).status for _ in range(1)] == [200]
    assert case.clock.sleeps == []


async def test_wait_for_a_second_permit_ends_after_the_maximum_wait() -> None:
    case = Case(5, times=2, max_wait=1.5)
    request = fhir_request("Patient/1", headers=(("x-caller", "a"),), deadline=case.clock() + 1.5)
    refusal = Failure(RATE_LIMITED, retry_after=60)
    assert await case.code(request) == "200"
    await case.rates.record_refusal("key", refusal, case.clock() + 1)
    sent_request = case.rates.record_sent("key")
    request = request.replace(
        send_permit=SendPermit(sent_request.key, sent_request.sent_at), deadline=case.clock() + 1.5
    )
    await case.recheck(request)
    with pytest.raises(Failure) as raised:
        await case.recheck(request.with_used_permit())
    assert (raised.value.kind.code, raised.value.retry_after) == ("rate-limited", 60)


async def test_rejection_by_the_gateway_does_not_lower_the_rate() -> None:
    case = Case(5)

    async def reject(request: FhirRequest) -> FhirResponse:
        del request
        raise Failure(RATE_LIMITED, retry_after=9)

    case.handler = RateLimiter(reject, case.rates, ticket_for, lambda _: 60, sleep=case._sleep)
    assert await case.code(request("a")) == "rate-limited"
    assert await case.rates.blocked_seconds("key") == 0
