"""Bulkhead per site: a limit on concurrent requests, with a short queue."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable

from gateway.errors.catalog import GATEWAY_OVERLOADED
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler

AdmissionCheck = Callable[[FhirRequest], Awaitable[object]]
_QUEUE_FULL_TEXT = "Too many concurrent requests for this practice. Retry after the time in Retry-After."


async def _admit_always(request: FhirRequest) -> None:
    del request


class Bulkhead:
    """Limits the concurrent requests of each site, so that a slow site does not delay other sites.

    At most `max_concurrent` requests of a site run, and no more than the free part of `max_total`: several
    slow sites leave room for the next one (dynamic thresholds; Choudhury and Hahne, 1998). `max_queue` more
    requests of a site wait, each at most `remaining_wait` seconds. `admission_check` runs after that wait,
    because the circuit of the site may be open by then.
    """

    def __init__(
        self,
        inner: Handler,
        max_concurrent: int,
        max_queue: int,
        remaining_wait: Callable[[FhirRequest], float],
        admission_check: AdmissionCheck = _admit_always,
        *,
        max_total: int = 100,
    ) -> None:
        self._inner = inner
        self._max_concurrent = max_concurrent
        self._max_queue = max_queue
        self._remaining_wait = remaining_wait
        self._admission_check = admission_check
        self._max_total = max_total
        self._running_count: Counter[str] = Counter()
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler. Raises Failure 503 if the site's queue is full or the wait too long."""
        name = request.site.guid if request.site else ""
        await self._acquire_slot(name, request)
        try:
            await self._admission_check(request)
            return await self._inner(request)
        finally:
            self._release_slot(name)

    def load_by_site(self) -> dict[str, tuple[int, int]]:
        """Numbers of running and of waiting requests, by site."""
        names = {*self._running_count, *self._queues}
        return {name: (self._running_count[name], len(self._queues.get(name, ()))) for name in names}

    async def _acquire_slot(self, site: str, request: FhirRequest) -> None:
        """Take a slot, at once or after a wait in the queue."""
        queue = self._queues.get(site, ())
        if not queue and self._has_free_slot(site):
            self._running_count[site] += 1
        elif self._running_count[site] + len(queue) >= self._max_concurrent + self._max_queue:
            raise Failure(GATEWAY_OVERLOADED, text=_QUEUE_FULL_TEXT)
        else:
            await self._wait_for_slot(site, self._remaining_wait(request))

    async def _wait_for_slot(self, site: str, max_wait: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._queues.setdefault(site, deque()).append(waiter)
        try:
            async with asyncio.timeout(max_wait):
                await waiter
        except BaseException as error:
            self._cancel_wait(site, waiter)
            if isinstance(error, TimeoutError):
                raise Failure(GATEWAY_OVERLOADED, text=_QUEUE_FULL_TEXT) from None
            raise

    def _cancel_wait(self, site: str, waiter: asyncio.Future[None]) -> None:
        """Leave the queue, or release a slot that was granted at the same moment."""
        if waiter.done() and not waiter.cancelled():
            self._release_slot(site)
        elif waiter in self._queues.get(site, ()):
            self._queues[site].remove(waiter)
            self._discard_idle_site(site)

    def _has_free_slot(self, site: str) -> bool:
        running = self._running_count[site]
        return running < self._max_concurrent and running < self._max_total - self._running_count.total()

    def _release_slot(self, site: str) -> None:
        self._running_count[site] -= 1
        self._discard_idle_site(site)
        for waiting_site in tuple(self._queues):
            while waiting_site in self._queues and self._has_free_slot(waiting_site):
                self._grant_next_slot(waiting_site)

    def _grant_next_slot(self, site: str) -> None:
        """Give a slot to the first request in the queue, unless it was cancelled."""
        waiter = self._queues[site].popleft()
        if not waiter.done():
            self._running_count[site] += 1
            waiter.set_result(None)
        self._discard_idle_site(site)

    def _discard_idle_site(self, site: str) -> None:
        if not self._queues.get(site, True):
            del self._queues[site]
        if not self._running_count[site]:
            del self._running_count[site]
