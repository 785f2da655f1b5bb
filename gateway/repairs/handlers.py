"""Handlers that apply the repairs to requests and responses; large values are repaired in threads."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from http import HTTPStatus
from typing import TypeVar

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.repairs.apply import MAX_LOOP_BYTES, ResponseSteps, repair_response, response_steps
from gateway.repairs.repair import Repair
from gateway.thread_switching import frequent_switches

T = TypeVar("T")
#: Threads that repair large bodies: computation is not faster in more, but no body waits for one other.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="repairs")

_LATER_TEXT = (
    "The upstream answered that the matches of this search come later (202), although the request did not ask"
    " for that, so the gateway could not judge them. It did not pass the answer on. Repeat the search; if it"
    " happens again, the gateway's operator should report this to the upstream's vendor."
)


class ResponseRepairs:
    """Repairs responses of FHIR; a response that a repair makes itself needs no upstream request."""

    def __init__(self, inner: Handler, repairs: Sequence[Repair]) -> None:
        self._inner = inner
        self._repairs = repairs
        self._cached_steps = lru_cache(maxsize=1024)(self._active_steps)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the repaired response. Raises UnreadableError, and Failure of a repair."""
        if request.site is None or request.interaction.code == "other":
            return await self._inner(request)
        active = self._cached_steps(request.site.disabled_repairs)
        for repair_id, make_response in active.local_response:
            response = make_response(request)
            if response is not None:
                return response.replace(applied_repairs=(repair_id,))
        received = await self._inner(active.page_request(request))
        if received.status == HTTPStatus.ACCEPTED and any(judges(request) for judges in active.judges):
            raise Failure(catalog.UPSTREAM_INCOMPLETE, text=_LATER_TEXT).with_upstream_use(
                received.upstream_use
            )
        try:
            return await _run_cooperatively(repair_response(request, received, active))
        except Failure as failure:
            raise failure.with_upstream_use(received.upstream_use) from failure.__cause__

    def _active_steps(self, disabled_ids: frozenset[str]) -> ResponseSteps:
        return response_steps([repair for repair in self._repairs if repair.issue.id not in disabled_ids])


async def _run_cooperatively(steps: Generator[bool, None, FhirResponse]) -> FhirResponse:
    """Run the steps; other requests run between the pieces of a large body, and during each that is large."""
    is_large = False
    while True:
        step = await _run_in_thread(lambda: _next_step(steps)) if is_large else _next_step(steps)
        if not isinstance(step, bool):
            return step
        is_large = step
        await asyncio.sleep(0)


def _next_step(steps: Generator[bool, None, FhirResponse]) -> FhirResponse | bool:
    """Return the response at the end; before, whether the next step is large."""
    try:
        return next(steps)
    except StopIteration as end:
        response: FhirResponse = end.value
        return response


async def _run_in_thread(compute: Callable[[], T]) -> T:
    with frequent_switches():
        return await asyncio.get_running_loop().run_in_executor(_threads, compute)


class RequestRepairs:
    """Repairs requests and lists the applied repairs in the response, each once."""

    def __init__(self, inner: Handler, repairs: Sequence[Repair]) -> None:
        self._inner = inner
        self._repairs = [repair for repair in repairs if repair.request]
        self._cached_steps = lru_cache(maxsize=1024)(self._active_steps)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the response to the repaired request. Raises Failure if a repair rejects the request."""
        active = self._cached_steps(request.site.disabled_repairs) if request.site else ()
        is_large = len(request.body) > MAX_LOOP_BYTES
        repaired, applied_ids = (
            await _run_in_thread(lambda: _repair_request(request, active))
            if is_large
            else _repair_request(request, active)
        )
        response = await self._inner(repaired)
        if not applied_ids:
            return response
        all_ids = dict.fromkeys((*applied_ids, *response.applied_repairs))
        return response.replace(applied_repairs=tuple(all_ids))

    def _active_steps(self, disabled_ids: frozenset[str]) -> tuple[Repair, ...]:
        return tuple(repair for repair in self._repairs if repair.issue.id not in disabled_ids)


def _repair_request(request: FhirRequest, repairs: Sequence[Repair]) -> tuple[FhirRequest, tuple[str, ...]]:
    applied_ids: tuple[str, ...] = ()
    for repair in repairs:
        old = request
        request = repair.request(old) if repair.request else old
        if request is not old and _upstream_content(request) != _upstream_content(old):
            applied_ids += (repair.issue.id,)
    return request, applied_ids


def _upstream_content(request: FhirRequest) -> tuple[object, ...]:
    """Return the parts of a request that the gateway sends upstream."""
    searches = request.plan.split_searches or (request.upstream_search,)
    return request.method, request.path, searches, request.headers, request.body
