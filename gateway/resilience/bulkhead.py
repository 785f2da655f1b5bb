"""A bulkhead per site: so many exchanges at once, a short queue, and nobody else behind it."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable

from gateway.errors.catalog import GATEWAY_OVERLOADED
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler

AdmissionCheck = Callable[[FhirRequest], Awaitable[object]]
_QUEUE_FULL_TEXT = "Too many requests for this practice are under way: try again after Retry-After."


async def _admit_always(request: FhirRequest) -> None:
    del request


class Bulkhead:
    """One site's slow exchanges never hold up another's.

    `most` exchanges of a site run at once, never more than there is room for beside all that run, of `room`
    in all: so slow sites, however many, leave some to the next (dynamic thresholds; Choudhury and Hahne,
    1998). `queue` more of a site wait, as long as the client's `patience` (seconds) lasts. `check` is asked
    again when a request's turn has come: the site may rest by then.
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
        """The inner answer. Raises Failure 503 when the site's queue is full or the wait too long."""
        name = request.site.guid if request.site else ""
        await self._acquire_slot(name, request)
        try:
            await self._admission_check(request)
            return await self._inner(request)
        finally:
            self._release_slot(name)

    def load_by_site(self) -> dict[str, tuple[int, int]]:
        """By site: exchanges under way, and requests that wait for them."""
        names = {*self._running_count, *self._queues}
        return {name: (self._running_count[name], len(self._queues.get(name, ()))) for name in names}

    async def _acquire_slot(self, site: str, request: FhirRequest) -> None:
        """Take a slot, at once or in turn."""
        line = self._queues.get(site, ())
        if not line and self._has_free_slot(site):
            self._running_count[site] += 1
        elif self._running_count[site] + len(line) >= self._max_concurrent + self._max_queue:
            raise Failure(GATEWAY_OVERLOADED, text=_QUEUE_FULL_TEXT)
        else:
            await self._wait_for_slot(site, self._remaining_wait(request))

    async def _wait_for_slot(self, site: str, max_wait: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(site, deque()).append(turn)
        try:
            async with asyncio.timeout(max_wait):
                await turn
        except BaseException as problem:
            self._cancel_wait(site, turn)
            if isinstance(problem, TimeoutError):
                raise Failure(GATEWAY_OVERLOADED, text=_QUEUE_FULL_TEXT) from None
            raise

    def _cancel_wait(self, site: str, waiter: asyncio.Future[None]) -> None:
        """Leave the queue; or give the slot back, if it came in the same moment."""
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
        for other in tuple(self._queues):
            while other in self._queues and self._has_free_slot(other):
                self._grant_next_slot(other)

    def _grant_next_slot(self, site: str) -> None:
        """Give a slot to the first in the queue who still waits."""
        turn = self._queues[site].popleft()
        if not turn.done():
            self._running_count[site] += 1
            turn.set_result(None)
        self._discard_idle_site(site)

    def _discard_idle_site(self, site: str) -> None:
        """Remember nothing of a site that nobody asks."""
        if not self._queues.get(site, True):
            del self._queues[site]
        if not self._running_count[site]:
            del self._running_count[site]
