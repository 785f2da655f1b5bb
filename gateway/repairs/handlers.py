"""Applies the repairs' answer facets, giving other requests their turn between the pieces of a large body."""

import asyncio
from collections.abc import Generator, Sequence
from functools import lru_cache

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.repairs.apply import ResponseSteps, repair_response, response_steps
from gateway.repairs.repair import Repair


class ResponseRepairs:
    """The answer mended on the way out; one that a repair gives itself is never asked for upstream."""

    def __init__(self, inner: Handler, repairs: Sequence[Repair]) -> None:
        self._inner = inner
        self._repairs = repairs
        self._cached_steps = lru_cache(maxsize=1024)(self._active_steps)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The mended answer. Raises UnreadableError when the upstream's JSON cannot be read."""
        if request.site is None:
            return await self._inner(request)
        active = self._cached_steps(request.site.disabled_repairs)
        for name, answer in active.local_response:
            answered = answer(request)
            if answered is not None:
                return answered.replace(applied_repairs=(name,))
        return await _run_cooperatively(repair_response(request, await self._inner(request), active))

    def _active_steps(self, disabled_ids: frozenset[str]) -> ResponseSteps:
        return response_steps([each for each in self._repairs if each.issue.id not in disabled_ids])


async def _run_cooperatively(steps: Generator[None, None, FhirResponse]) -> FhirResponse:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: FhirResponse = end.value
            return answer
        await asyncio.sleep(0)


class RequestRepairs:
    """The request mended on the way in; which repairs fired is said on the way out."""

    def __init__(self, inner: Handler, repairs: Sequence[Repair]) -> None:
        self._inner = inner
        self._repairs = repairs

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer to the mended request. Raises Failure for what no repair can express."""
        mended, fired = _repair_request(
            request, [each for each in self._repairs if each.is_active(request.site)]
        )
        response = await self._inner(mended)
        return response.replace(applied_repairs=fired + response.applied_repairs) if fired else response


def _repair_request(request: FhirRequest, repairs: Sequence[Repair]) -> tuple[FhirRequest, tuple[str, ...]]:
    fired: tuple[str, ...] = ()
    for repair in repairs:
        before = request
        request = repair.request(before) if repair.request else before
        fired += (
            ()
            if request is before or _upstream_content(request) == _upstream_content(before)
            else (repair.issue.id,)
        )
    return request, fired


def _upstream_content(request: FhirRequest) -> tuple[object, ...]:
    """What goes upstream."""
    return request.split_searches or (request.upstream_search,), request.headers, request.body
