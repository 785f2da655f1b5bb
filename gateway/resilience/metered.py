"""Takes a second turn for what waited elsewhere since its first, and for what is asked again."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.resilience.rate_limits import TURN, Rates
from gateway.resilience.sliding_window import Departure
from gateway.upstreams.failures import RATE_LIMITED

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
