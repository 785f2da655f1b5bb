"""A bulkhead per site: so many exchanges at once, a short queue, and nobody else behind it."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.core.exchange import FhirRequest, FhirResponse, Handler
from gateway.core.failure import Failure
from gateway.core.kinds import OVERLOADED

Check = Callable[[FhirRequest], Awaitable[None]]
_FULL = "Too many requests for this practice are under way: try again after Retry-After."


async def _always(request: FhirRequest) -> None:
    del request


class Bounded:
    """One site's slow exchanges never hold up another's.

    `most` exchanges of a site run at once and `queue` more wait, as long as the client's `patience` (seconds)
    lasts. `check` is asked again when a request's turn has come: the site may rest by then.
    """

    def __init__(
        self,
        inner: Handler,
        most: int,
        queue: int,
        patience: Callable[[FhirRequest], float],
        check: Check = _always,
    ) -> None:
        self._inner = inner
        self._most = most
        self._queue = queue
        self._patience = patience
        self._check = check
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._present: dict[str, int] = {}

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure 503 when the site's queue is full or the wait too long."""
        name = request.site.guid if request.site else ""
        if self._present.get(name, 0) >= self._most + self._queue:
            raise Failure(OVERLOADED, text=_FULL)
        self._present[name] = self._present.get(name, 0) + 1
        try:
            return await self._in_turn(name, request)
        finally:
            self._leave(name)

    async def _in_turn(self, name: str, request: FhirRequest) -> FhirResponse:
        slot = self._slots.setdefault(name, asyncio.Semaphore(self._most))
        await self._wait(slot, self._patience(request))
        try:
            await self._check(request)
            return await self._inner(request)
        finally:
            slot.release()

    async def _wait(self, slot: asyncio.Semaphore, patience: float) -> None:
        if not slot.locked():
            await slot.acquire()
            return
        try:
            async with asyncio.timeout(patience):
                await slot.acquire()
        except TimeoutError:
            raise Failure(OVERLOADED, text=_FULL) from None

    def _leave(self, name: str) -> None:
        self._present[name] -= 1
        if not self._present[name]:
            del self._present[name], self._slots[name]
