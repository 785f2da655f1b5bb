"""Bulkhead per site: a limit on concurrent requests, with a short queue, dealt out by caller."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar

from gateway.errors.catalog import GATEWAY_OVERLOADED
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.resilience.fair_queue import FairQueue, QueueTicket

Key = TypeVar("Key")
AdmissionCheck = Callable[[FhirRequest], Awaitable[object]]
QUEUE_FULL_TEXT: Final = (
    "Too many concurrent requests for this practice. Retry after the time in Retry-After."
)


async def _admit_always(request: FhirRequest) -> None:
    del request


class BulkheadLimits(NamedTuple):
    """Maximum numbers of requests: running and waiting per site, and running at all sites together.

    One caller may have half of each, rounded up.
    """

    max_concurrent: int
    max_queue: int
    max_total: int = 100

    def for_one_caller(self) -> "BulkheadLimits":
        """Limits of one caller."""
        return BulkheadLimits(*((limit + 1) // 2 for limit in self))


class _Waiter(NamedTuple):
    """A request in the queue; the result is True with its slot, and False when its wait is over."""

    ticket: QueueTicket
    granted: asyncio.Future[bool]


class Bulkhead:
    """Limits the concurrent requests of each site, so that a slow site does not delay other sites.

    A site also has no more running requests than the free part of `limits.max_total`: several slow sites
    leave room for the next one (dynamic thresholds; Choudhury and Hahne, 1998). The same holds for the sites
    of one caller within its share. Each request waits at most `remaining_wait` seconds; waiting callers get
    slots in rotation. `caller_of` returns the caller of a request. `admission_check` runs after the wait,
    because the circuit of the site may be open by then. `full_text` is that of a request without a place.
    """

    def __init__(
        self,
        inner: Handler,
        limits: BulkheadLimits,
        remaining_wait: Callable[[FhirRequest], float],
        caller_of: Callable[[FhirRequest], str],
        admission_check: AdmissionCheck = _admit_always,
        full_text: str = QUEUE_FULL_TEXT,
    ) -> None:
        self._inner = inner
        self._limits = limits
        self._caller_limits = limits.for_one_caller()
        self._remaining_wait = remaining_wait
        self._caller_of = caller_of
        self._admission_check = admission_check
        self._full_text = full_text
        self._running_by_site: Counter[str] = Counter()
        self._running_by_ticket: Counter[QueueTicket] = Counter()
        self._running_by_caller: Counter[str] = Counter()
        self._queues: dict[str, FairQueue[_Waiter]] = {}

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler. Raises Failure 503 if the queue is full or the wait too long.

        A request that Halo Cloud answers alone takes no place of the practice.
        """
        if not request.interaction.asks_practice:
            return await self._inner(request)
        ticket = QueueTicket(request.site.guid if request.site else "", self._caller_of(request))
        await self._acquire_slot(ticket, request)
        try:
            await self._admission_check(request)
            return await self._inner(request)
        finally:
            self._release_slot(ticket)

    def load_by_site(self) -> dict[str, tuple[int, int]]:
        """Numbers of running and of waiting requests, by site."""
        names = {*self._running_by_site, *self._queues}
        return {name: (self._running_by_site[name], len(self._queues.get(name, ()))) for name in names}

    async def _acquire_slot(self, ticket: QueueTicket, request: FhirRequest) -> None:
        """Take a slot, at once or after a wait in the queue. A free slot was of no use to those who wait."""
        if self._has_free_slot(ticket):
            self._count_running(ticket, 1)
        elif self._is_queue_full(ticket):
            raise Failure(GATEWAY_OVERLOADED, text=self._full_text)
        else:
            await self._wait_for_slot(ticket, self._remaining_wait(request))

    def _has_free_slot(self, ticket: QueueTicket) -> bool:
        """Whether the site has a free slot, and its caller one of its own share."""
        all_running, own_running = self._running_by_site.total(), self._running_by_caller[ticket.caller]
        return _has_room(self._limits, self._running_by_site[ticket.key], all_running) and _has_room(
            self._caller_limits, self._running_by_ticket[ticket], own_running
        )

    def _is_queue_full(self, ticket: QueueTicket) -> bool:
        queue = self._queues.get(ticket.key, FairQueue[_Waiter]())
        limits, own = self._limits, self._caller_limits
        total, own_total = self._running_by_site[ticket.key], self._running_by_ticket[ticket]
        return (
            total + len(queue) >= limits.max_concurrent + limits.max_queue
            or own_total + queue.waiting_of(ticket) >= own.max_concurrent + own.max_queue
        )

    async def _wait_for_slot(self, ticket: QueueTicket, max_wait: float) -> None:
        loop = asyncio.get_running_loop()
        waiter = _Waiter(ticket, loop.create_future())
        self._queues.setdefault(ticket.key, FairQueue()).add(ticket, waiter)
        timer = loop.call_later(max_wait, _end_wait, waiter.granted)  # costs half of `asyncio.timeout`
        try:
            is_granted = await waiter.granted
        except BaseException:
            self._cancel_wait(waiter)
            raise
        finally:
            timer.cancel()
        if not is_granted:
            self._cancel_wait(waiter)
            raise Failure(GATEWAY_OVERLOADED, text=self._full_text)

    def _cancel_wait(self, waiter: _Waiter) -> None:
        """Leave the queue, or release a slot that was granted at the same moment."""
        ticket, granted = waiter
        if granted.done() and not granted.cancelled() and granted.result():
            self._release_slot(ticket)
        elif ticket.key in self._queues:
            self._queues[ticket.key].remove(ticket, waiter)
            self._discard_empty_queue(ticket.key)

    def _release_slot(self, ticket: QueueTicket) -> None:
        self._count_running(ticket, -1)
        for site in tuple(self._queues):
            self._grant_free_slots(site)

    def _grant_free_slots(self, site: str) -> None:
        """Give the free slots of a site to the callers that wait, unless their wait was cancelled."""
        queue = self._queues[site]
        may_run = lambda caller: self._has_free_slot(QueueTicket(site, caller))  # noqa: E731 - one expression
        while (waiter := queue.take_next(may_run)) is not None:
            if not waiter.granted.done():
                self._count_running(waiter.ticket, 1)
                waiter.granted.set_result(True)
        self._discard_empty_queue(site)

    def _count_running(self, ticket: QueueTicket, change: int) -> None:
        _add(self._running_by_site, ticket.key, change)
        _add(self._running_by_ticket, ticket, change)
        _add(self._running_by_caller, ticket.caller, change)

    def _discard_empty_queue(self, site: str) -> None:
        if not len(self._queues[site]):
            del self._queues[site]


def _end_wait(granted: asyncio.Future[bool]) -> None:
    if not granted.done():
        granted.set_result(False)


def _has_room(limits: BulkheadLimits, at_site: int, at_all_sites: int) -> bool:
    """Whether one more may run; a site has at most as many as remain free (dynamic thresholds)."""
    return at_site < min(limits.max_concurrent, limits.max_total - at_all_sites)


def _add(counts: Counter[Key], key: Key, change: int) -> None:
    """Change a count; a count of 0 takes no memory."""
    count = counts.get(key, 0) + change
    if count:
        counts[key] = count
    else:
        counts.pop(key, None)
