"""Keeps each subscription key below its rate, fairly: a burst waits here instead of failing upstream."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.resilience.fair_queue import FairQueue, QueueTicket
from gateway.resilience.rate_limits import SEND_PERMIT, RateLimits, SendPermit
from gateway.resilience.sliding_window import SentRequest
from gateway.upstreams.failures import RATE_LIMITED

_QUEUE_FULL_TEXT = (
    "The gateway keeps requests below the upstream's rate, and too many wait: try again after Retry-After."
)


class RateLimiter:
    """A request goes up when its key's rate allows: interactive callers first, callers of a kind in turn.

    `who` says whose turn a request needs, `patience` how many seconds it may wait, `most` how many may wait
    under one key.
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
        """The inner answer. Raises Failure 429 when the client's patience would end before its turn."""
        claimant = self._ticket_for(request)
        departure = await self._acquire_permit(claimant, self._remaining_wait(request))
        started, before = self._rate_limits.now(), SEND_PERMIT.set(SendPermit(departure))
        try:
            return await self._inner(request)
        except Failure as failure:
            if failure.kind.code == RATE_LIMITED.code and failure.upstream_response is not None:
                await self._rate_limits.record_refusal(claimant.key, failure, started)
            raise
        finally:
            SEND_PERMIT.reset(before)
            self._rate_limits.record_response(departure)

    def queue_lengths(self) -> dict[str, int]:
        """How many requests wait under each key."""
        return {key: len(turns) for key, turns in self._queues.items()}

    async def _acquire_permit(self, ticket: QueueTicket, max_wait: float) -> SentRequest:
        key = ticket.key
        if key not in self._queues and not await self._rate_limits.delay(key):
            return self._rate_limits.record_sent(key)
        blocked, turns = await self._rate_limits.blocked_seconds(key), self._queue_for(key)
        if blocked > max_wait or len(turns) >= self._max_queue:
            raise await self._queue_full_failure(key)
        turn = asyncio.get_running_loop().create_future()
        turns.add(ticket, turn)
        try:
            async with asyncio.timeout(max_wait):
                departure: SentRequest = await turn
                return departure
        except TimeoutError:
            raise await self._queue_full_failure(key) from None
        finally:
            turns.remove(ticket, turn)

    def _queue_for(self, key: str) -> FairQueue[asyncio.Future[SentRequest]]:
        """Who waits under a key, with somebody who serves them."""
        if key not in self._queues:
            self._queues[key] = FairQueue()
            task = asyncio.create_task(self._serve_queue(key, self._queues[key]))
            self._queue_tasks.add(task)
            task.add_done_callback(self._queue_tasks.discard)
        return self._queues[key]

    async def _serve_queue(self, key: str, queue: FairQueue[asyncio.Future[SentRequest]]) -> None:
        """Give turns away one by one, as long as somebody waits."""
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
        turns, allowed = self._queues.get(key, ()), await self._rate_limits.current_rate(key)
        seconds = await self._rate_limits.blocked_seconds(key) + len(turns) / (allowed or 10)
        return Failure(RATE_LIMITED, text=_QUEUE_FULL_TEXT, retry_after=max(1, math.ceil(seconds)))


def _grant_next(queue: FairQueue[asyncio.Future[SentRequest]], sent_request: SentRequest) -> None:
    """Wake the next one who still waits."""
    while len(queue):
        turn = queue.take_next()
        if not turn.done():
            turn.set_result(sent_request)
            return


_WAIT_EXCEEDED_TEXT = (
    "The gateway keeps requests below the upstream's rate; this one waited as long as it could."
)
#: Seconds for which a turn is good.
_PERMIT_SECONDS = 0.25


class RateLimitRecheck:
    """Directly around the upstream: whatever leaves is within the rate of its key at that moment.

    A turn that `Paced` gave is good for one request that leaves soon; behind a practice's queue, or for a
    repeated attempt, it is not: many such requests at once would be a burst of their own. The wait for a
    second one lasts as long as the client's `patience` (seconds left).
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
        """The inner answer. Raises Failure 429 when the client's patience ends before the second turn."""
        turn = SEND_PERMIT.get()
        if turn is None:
            return await self._inner(request)
        departure = turn.consume()
        if departure and self._rate_limits.now() - departure.sent_at <= _PERMIT_SECONDS:
            return await self._inner(request)
        return await self._send_with_new_permit(turn.key, request)

    async def _send_with_new_permit(self, key: str, request: FhirRequest) -> FhirResponse:
        departure = await self._acquire_permit(key, request)
        try:
            return await self._inner(request)
        finally:
            self._rate_limits.record_response(departure)

    async def _acquire_permit(self, key: str, request: FhirRequest) -> SentRequest:
        started, patience = self._rate_limits.now(), self._remaining_wait(request)
        while delay := await self._rate_limits.delay(key):
            waited = self._rate_limits.now() - started
            if waited + delay > patience:
                raise Failure(RATE_LIMITED, text=_WAIT_EXCEEDED_TEXT, retry_after=max(1, math.ceil(delay)))
            await self._sleep(min(delay, 1.0))
        request.wait_clock.exclude(started - self._rate_limits.now())
        return self._rate_limits.record_sent(key)
