"""Applies the repairs' answer facets, giving other requests their turn between the pieces of a large body."""

import asyncio
from collections.abc import Generator, Sequence

from gateway.core.exchange import FhirRequest, FhirResponse, Handler
from gateway.repairs.mending import mended
from gateway.repairs.repair import Repair


class Repaired:
    """The answer mended on the way out; one that a repair gives itself is never asked for upstream."""

    def __init__(self, inner: Handler, repairs: Sequence[Repair]) -> None:
        self._inner = inner
        self._repairs = repairs

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The mended answer. Raises UnreadableError when the upstream's JSON cannot be read."""
        if request.site is None:
            return await self._inner(request)
        active = [each for each in self._repairs if each.active(request.site)]
        answers = ((each.issue.id, each.answer(request)) for each in active if each.answer)
        for name, answer in answers:
            if answer is not None:
                return answer.changed(repairs=(name,))
        return await _finished(mended(request, await self._inner(request), active))


async def _finished(steps: Generator[None, None, FhirResponse]) -> FhirResponse:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: FhirResponse = end.value
            return answer
        await asyncio.sleep(0)
