"""Applies the repairs' answer facets, giving other requests their turn between the pieces of a large body."""

import asyncio
from collections.abc import Sequence

from gateway.core.exchange import FhirRequest, FhirResponse, Handler
from gateway.repairs.mending import mended
from gateway.repairs.repair import Repair


class Repaired:
    """The answer mended on the way out."""

    def __init__(self, inner: Handler, repairs: Sequence[Repair]) -> None:
        self._inner = inner
        self._repairs = repairs

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The mended answer. Raises UnreadableError when the upstream's JSON cannot be read."""
        response = await self._inner(request)
        active = [each for each in self._repairs if each.active(request.site)]
        return await _finished(request, response, active) if active else response


async def _finished(request: FhirRequest, response: FhirResponse, active: Sequence[Repair]) -> FhirResponse:
    steps = mended(request, response, active)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: FhirResponse = end.value
            return answer
        await asyncio.sleep(0)
