"""Applies the repairs' answer facets, giving other requests their turn between the pieces of a large body."""

import asyncio
from collections.abc import Generator, Sequence
from functools import lru_cache

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.repairs.apply import Facets, facets, mended
from gateway.repairs.repair import Repair


class Repaired:
    """The answer mended on the way out; one that a repair gives itself is never asked for upstream."""

    def __init__(self, inner: Handler, repairs: Sequence[Repair]) -> None:
        self._inner = inner
        self._repairs = repairs
        self._known = lru_cache(maxsize=1024)(self._active)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The mended answer. Raises UnreadableError when the upstream's JSON cannot be read."""
        if request.site is None:
            return await self._inner(request)
        active = self._known(request.site.repairs_off)
        for name, answer in active.answer:
            answered = answer(request)
            if answered is not None:
                return answered.changed(repairs=(name,))
        return await _finished(mended(request, await self._inner(request), active))

    def _active(self, off: frozenset[str]) -> Facets:
        return facets([each for each in self._repairs if each.issue.id not in off])


async def _finished(steps: Generator[None, None, FhirResponse]) -> FhirResponse:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: FhirResponse = end.value
            return answer
        await asyncio.sleep(0)


class Normalised:
    """The request mended on the way in; which repairs fired is said on the way out."""

    def __init__(self, inner: Handler, repairs: Sequence[Repair]) -> None:
        self._inner = inner
        self._repairs = repairs

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer to the mended request. Raises Failure for what no repair can express."""
        mended, fired = _mended(request, [each for each in self._repairs if each.active(request.site)])
        response = await self._inner(mended)
        return response.changed(repairs=fired + response.repairs) if fired else response


def _mended(request: FhirRequest, repairs: Sequence[Repair]) -> tuple[FhirRequest, tuple[str, ...]]:
    fired: tuple[str, ...] = ()
    for repair in repairs:
        before = request
        request = repair.request(before) if repair.request else before
        fired += () if request is before or _sent(request) == _sent(before) else (repair.issue.id,)
    return request, fired


def _sent(request: FhirRequest) -> tuple[object, ...]:
    """What goes upstream."""
    return request.parts or (request.search,), request.headers, request.body
