"""Keeps each subscription key below its rate, fairly: a burst waits here instead of failing upstream."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.resilience.fair_queue import Claimant, Turns
from gateway.resilience.rate_limits import TURN, Rates, Turn
from gateway.resilience.sliding_window import Departure
from gateway.upstreams.failures import RATE_LIMITED

_BUSY = (
    "The gateway keeps requests below the upstream's rate, and too many wait: try again after Retry-After."
)


class Paced:
    """A request goes up when its key's rate allows: interactive callers first, callers of a kind in turn.

    `who` says whose turn a request needs, `patience` how many seconds it may wait, `most` how many may wait
    under one key.
    """

    def __init__(
        self,
        inner: Handler,
        rates: Rates,
        who: Callable[[FhirRequest], Claimant],
        patience: Callable[[FhirRequest], float],
        *,
        most: int = 1_000,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._rates = rates
        self._who = who
        self._patience = patience
        self._most = most
        self._sleep = sleep
        self._waiting: dict[str, Turns[asyncio.Future[Departure]]] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure 429 when the client's patience would end before its turn."""
        claimant = self._who(request)
        departure = await self._turn(claimant, self._patience(request))
        started, before = self._rates.now(), TURN.set(Turn(departure))
        try:
            return await self._inner(request)
        except Failure as failure:
            if failure.kind.code == RATE_LIMITED.code and failure.received is not None:
                await self._rates.refused(claimant.key, failure, started)
            raise
        finally:
            TURN.reset(before)
            self._rates.answered(departure)

    def waiting(self) -> dict[str, int]:
        """How many requests wait under each key."""
        return {key: len(turns) for key, turns in self._waiting.items()}

    async def _turn(self, claimant: Claimant, patience: float) -> Departure:
        key = claimant.key
        if key not in self._waiting and not await self._rates.delay(key):
            return self._rates.left(key)
        blocked, turns = await self._rates.blocked(key), self._turns(key)
        if blocked > patience or len(turns) >= self._most:
            raise await self._busy(key)
        turn = asyncio.get_running_loop().create_future()
        turns.add(claimant, turn)
        try:
            async with asyncio.timeout(patience):
                departure: Departure = await turn
                return departure
        except TimeoutError:
            raise await self._busy(key) from None
        finally:
            turns.drop(claimant, turn)

    def _turns(self, key: str) -> Turns[asyncio.Future[Departure]]:
        """Who waits under a key, with somebody who serves them."""
        if key not in self._waiting:
            self._waiting[key] = Turns()
            task = asyncio.create_task(self._serve(key, self._waiting[key]))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        return self._waiting[key]

    async def _serve(self, key: str, turns: Turns[asyncio.Future[Departure]]) -> None:
        """Give turns away one by one, as long as somebody waits."""
        try:
            while len(turns):
                delay = await self._rates.delay(key)
                if delay:
                    await self._sleep(min(delay, 1.0))
                else:
                    _next(turns, self._rates.left(key))
        finally:
            del self._waiting[key]

    async def _busy(self, key: str) -> Failure:
        turns, allowed = self._waiting.get(key, ()), await self._rates.of(key)
        seconds = await self._rates.blocked(key) + len(turns) / (allowed or 10)
        return Failure(RATE_LIMITED, text=_BUSY, retry_after=max(1, math.ceil(seconds)))


def _next(turns: Turns[asyncio.Future[Departure]], departure: Departure) -> None:
    """Wake the next one who still waits."""
    while len(turns):
        turn = turns.take()
        if not turn.done():
            turn.set_result(departure)
            return


_LATE = "The gateway keeps requests below the upstream's rate; this one waited as long as it could."
#: Seconds for which a turn is good.
_GOOD = 0.25


class Metered:
    """Directly around the upstream: whatever leaves is within the rate of its key at that moment.

    A turn that `Paced` gave is good for one request that leaves soon; behind a practice's queue, or for a
    repeated attempt, it is not: many such requests at once would be a burst of their own. The wait for a
    second one lasts as long as the client's `patience` (seconds left).
    """

    def __init__(
        self,
        inner: Handler,
        rates: Rates,
        patience: Callable[[FhirRequest], float],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._rates = rates
        self._patience = patience
        self._sleep = sleep

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure 429 when the client's patience ends before the second turn."""
        turn = TURN.get()
        if turn is None:
            return await self._inner(request)
        departure = turn.used()
        if departure and self._rates.now() - departure.at <= _GOOD:
            return await self._inner(request)
        return await self._later(turn.key, request)

    async def _later(self, key: str, request: FhirRequest) -> FhirResponse:
        departure = await self._departure(key, request)
        try:
            return await self._inner(request)
        finally:
            self._rates.answered(departure)

    async def _departure(self, key: str, request: FhirRequest) -> Departure:
        started, patience = self._rates.now(), self._patience(request)
        while delay := await self._rates.delay(key):
            waited = self._rates.now() - started
            if waited + delay > patience:
                raise Failure(RATE_LIMITED, text=_LATE, retry_after=max(1, math.ceil(delay)))
            await self._sleep(min(delay, 1.0))
        request.waiting.asked(started - self._rates.now())
        return self._rates.left(key)
