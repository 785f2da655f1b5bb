"""A bulkhead per site: so many exchanges at once, a short queue, and nobody else behind it."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable

from gateway.errors.catalog import OVERLOADED
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler

Check = Callable[[FhirRequest], Awaitable[object]]
_FULL = "Too many requests for this practice are under way: try again after Retry-After."


async def _always(request: FhirRequest) -> None:
    del request


class Bounded:
    """One site's slow exchanges never hold up another's.

    `most` exchanges of a site run at once, never more than there is room for beside all that run, of `room`
    in all: so slow sites, however many, leave some to the next (dynamic thresholds; Choudhury and Hahne,
    1998). `queue` more of a site wait, as long as the client's `patience` (seconds) lasts. `check` is asked
    again when a request's turn has come: the site may rest by then.
    """

    def __init__(
        self,
        inner: Handler,
        most: int,
        queue: int,
        patience: Callable[[FhirRequest], float],
        check: Check = _always,
        *,
        room: int = 100,
    ) -> None:
        self._inner = inner
        self._most = most
        self._queue = queue
        self._patience = patience
        self._check = check
        self._room = room
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure 503 when the site's queue is full or the wait too long."""
        name = request.site.guid if request.site else ""
        await self._entered(name, request)
        try:
            await self._check(request)
            return await self._inner(request)
        finally:
            self._leave(name)

    def load(self) -> dict[str, tuple[int, int]]:
        """By site: exchanges under way, and requests that wait for them."""
        names = {*self._running, *self._waiting}
        return {name: (self._running[name], len(self._waiting.get(name, ()))) for name in names}

    async def _entered(self, name: str, request: FhirRequest) -> None:
        """Take a slot, at once or in turn."""
        line = self._waiting.get(name, ())
        if not line and self._fits(name):
            self._running[name] += 1
        elif self._running[name] + len(line) >= self._most + self._queue:
            raise Failure(OVERLOADED, text=_FULL)
        else:
            await self._waited(name, self._patience(request))

    async def _waited(self, name: str, patience: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, deque()).append(turn)
        try:
            async with asyncio.timeout(patience):
                await turn
        except BaseException as problem:
            self._gave_up(name, turn)
            if isinstance(problem, TimeoutError):
                raise Failure(OVERLOADED, text=_FULL) from None
            raise

    def _gave_up(self, name: str, turn: asyncio.Future[None]) -> None:
        """Leave the queue; or give the slot back, if it came in the same moment."""
        if turn.done() and not turn.cancelled():
            self._leave(name)
        elif turn in self._waiting.get(name, ()):
            self._waiting[name].remove(turn)
            self._tidy(name)

    def _fits(self, name: str) -> bool:
        running = self._running[name]
        return running < self._most and running < self._room - self._running.total()

    def _leave(self, name: str) -> None:
        self._running[name] -= 1
        self._tidy(name)
        for other in tuple(self._waiting):
            while other in self._waiting and self._fits(other):
                self._next(other)

    def _next(self, name: str) -> None:
        """Give a slot to the first in the queue who still waits."""
        turn = self._waiting[name].popleft()
        if not turn.done():
            self._running[name] += 1
            turn.set_result(None)
        self._tidy(name)

    def _tidy(self, name: str) -> None:
        """Remember nothing of a site that nobody asks."""
        if not self._waiting.get(name, True):
            del self._waiting[name]
        if not self._running[name]:
            del self._running[name]
