"""Rate limiter per subscription key: a burst waits in a fair queue instead of failing upstream."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, SendPermit
from gateway.resilience.fair_queue import FairQueue, QueueTicket
from gateway.resilience.rate_limits import RateLimits
from gateway.resilience.sliding_window import SentRequest
from gateway.upstreams.failures import RATE_LIMITED

_QUEUE_FULL_TEXT = (
    "The upstream's rate limit for this caller is reached. This request was not sent. Retry after the time in"
    " Retry-After."
)
_WAIT_EXCEEDED_TEXT = (
    "The upstream's rate limit for this caller is reached. The request waited for the maximum time and was"
    " not sent."
)
#: Seconds for which a permit is valid.
_PERMIT_SECONDS = 0.25


class RateLimiter:
    """Delays each request until the rate of its key permits it: interactive callers first, then in rotation.

    `ticket_for` returns the place of a request in the queue, and `remaining_wait` the seconds that it may
    wait. `max_queue` requests may wait under one key.
    """

    def __init__(
        self,
        inner: Handler,
        rate_limits: RateLimits,
        ticket_for: Callable[[FhirRequest], QueueTicket],
        remaining_wait: Callable[[FhirRequest], float],
        *,
        max_queue: int = 1_000,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._rate_limits = rate_limits
        self._ticket_for = ticket_for
        self._remaining_wait = remaining_wait
        self._max_queue = max_queue
        self._sleep = sleep
        self._queues: dict[str, FairQueue[asyncio.Future[SentRequest]]] = {}
        self._queue_tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler with a permit. Raises Failure 429 if the permit does not come in time."""
        ticket = self._ticket_for(request)
        sent_request = await self._acquire_permit(ticket, self._remaining_wait(request))
        started, permit = self._rate_limits.now(), SendPermit(ticket.key, sent_request.sent_at)
        try:
            return await self._inner(request.replace(send_permit=permit))
        except Failure as failure:
            if _is_refusal_of_rate(failure):
                await self._rate_limits.record_refusal(ticket.key, failure, started)
            raise
        finally:
            self._rate_limits.record_response(sent_request)

    def queue_length(self, key: str) -> int:
        """Return the number of requests that wait under a key."""
        return len(self._queues.get(key, ()))

    async def _acquire_permit(self, ticket: QueueTicket, max_wait: float) -> SentRequest:
        key = ticket.key
        if key not in self._queues and not await self._rate_limits.delay(key):
            return self._rate_limits.record_sent(key)
        blocked, queue = await self._rate_limits.blocked_seconds(key), self._queue_for(key)
        if blocked > max_wait or len(queue) >= self._max_queue:
            raise await self._queue_full_failure(key)
        waiter: asyncio.Future[SentRequest] = asyncio.get_running_loop().create_future()
        queue.add(ticket, waiter)
        try:
            async with asyncio.timeout(max_wait):
                return await waiter
        except TimeoutError:
            raise await self._queue_full_failure(key) from None
        finally:
            queue.remove(ticket, waiter)

    def _queue_for(self, key: str) -> FairQueue[asyncio.Future[SentRequest]]:
        """Queue of a key; a new queue gets the task that serves it."""
        if key not in self._queues:
            self._queues[key] = FairQueue()
            task = asyncio.create_task(self._serve_queue(key, self._queues[key]))
            self._queue_tasks.add(task)
            task.add_done_callback(self._queue_tasks.discard)
        return self._queues[key]

    async def _serve_queue(self, key: str, queue: FairQueue[asyncio.Future[SentRequest]]) -> None:
        """Grant permits until the queue is empty."""
        try:
            while len(queue):
                delay = await self._rate_limits.delay(key)
                if delay:
                    await self._sleep(min(delay, 1.0))
                else:
                    _grant_next(queue, self._rate_limits.record_sent(key))
        finally:
            del self._queues[key]

    async def _queue_full_failure(self, key: str) -> Failure:
        queue, rate = self._queues.get(key, ()), await self._rate_limits.current_rate(key)
        seconds = await self._rate_limits.blocked_seconds(key) + len(queue) / (rate or 10)
        return Failure(RATE_LIMITED, text=_QUEUE_FULL_TEXT, retry_after=max(1, math.ceil(seconds)))


def _is_refusal_of_rate(failure: Failure) -> bool:
    kind, is_upstreams = failure.kind, failure.upstream_response is not None
    return kind.code == RATE_LIMITED.code and kind.limits_rate and is_upstreams


def _grant_next(queue: FairQueue[asyncio.Future[SentRequest]], sent_request: SentRequest) -> None:
    """Give the permit to the next request that still waits."""
    while (waiter := queue.take_next()) is not None:
        if not waiter.done():
            waiter.set_result(sent_request)
            return


class RateLimitRecheck:
    """Gives a second permit to a request that is sent late or again, so that it stays within the rate.

    A permit of `RateLimiter` is valid for one request that is sent soon. Many requests that waited in the
    bulkhead, or that are retried, would be a burst if their old permits counted. The wait for the second
    permit lasts at most `remaining_wait` seconds.
    """

    def __init__(
        self,
        inner: Handler,
        rate_limits: RateLimits,
        remaining_wait: Callable[[FhirRequest], float],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._rate_limits = rate_limits
        self._remaining_wait = remaining_wait
        self._sleep = sleep

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler. Raises Failure 429 if a second permit does not come in time."""
        permit = request.send_permit
        if permit is None:
            return await self._inner(request)
        if permit.sent_at is not None and self._rate_limits.now() - permit.sent_at <= _PERMIT_SECONDS:
            return await self._inner(request)
        return await self._send_with_new_permit(permit, request)

    async def _send_with_new_permit(self, permit: SendPermit, request: FhirRequest) -> FhirResponse:
        sent_request = await self._acquire_permit(permit, request)
        try:
            return await self._inner(request)
        finally:
            self._rate_limits.record_response(sent_request)

    async def _acquire_permit(self, permit: SendPermit, request: FhirRequest) -> SentRequest:
        """Wait for a permit; the windows have counted a late request already, but not a repeated one."""
        started, max_wait = self._rate_limits.now(), self._remaining_wait(request)
        is_late = permit.sent_at is not None
        while delay := await self._rate_limits.delay(permit.key, in_windows=is_late):
            waited = self._rate_limits.now() - started
            if waited + delay > max_wait:
                raise Failure(RATE_LIMITED, text=_WAIT_EXCEEDED_TEXT, retry_after=max(1, math.ceil(delay)))
            await self._sleep(min(delay, 1.0))
        return self._rate_limits.record_sent(permit.key)
