"""Takes a second turn for what waited elsewhere since its first, and for what is asked again."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.core.arrivals import BELATED, Departure
from gateway.core.exchange import FhirRequest, FhirResponse, Handler
from gateway.stores.rates import TURN, Rates


class Metered:
    """Directly around the upstream: whatever leaves is within the rate of its key at that moment.

    A turn that `Paced` gave is good for one request that leaves soon; behind a practice's queue, or for a
    repeated attempt, it is not: many such requests at once would be a burst of their own.
    """

    def __init__(
        self,
        inner: Handler,
        rates: Rates,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._rates = rates
        self._sleep = sleep

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure."""
        turn = TURN.get()
        if turn is None:
            return await self._inner(request)
        departure = turn.used()
        if departure and self._rates.now() - departure.at <= BELATED:
            return await self._inner(request)
        return await self._later(turn.key, request)

    async def _later(self, key: str, request: FhirRequest) -> FhirResponse:
        departure = await self._departure(key)
        try:
            return await self._inner(request)
        finally:
            self._rates.answered(departure)

    async def _departure(self, key: str) -> Departure:
        while delay := await self._rates.delay(key):
            await self._sleep(min(delay, 1.0))
        return self._rates.left(key)
