"""Keeps each subscription key below its rate, fairly: a burst waits here instead of failing upstream."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import structlog

from gateway.core.exchange import FhirRequest, FhirResponse, Handler
from gateway.core.failure import Failure
from gateway.core.pace import Claimant, Pace, Sent, Slot, Turns, after_refusal, rate, slot
from gateway.dialects.kinds import RATE_LIMITED
from gateway.stores.remembered import Remembered
from gateway.stores.store import Store

_log = structlog.get_logger()
#: A lesson is forgotten an hour after the last 429.
_KEPT = 3_600.0
_TICK = 0.001
_BUSY = (
    "The gateway keeps requests below the upstream's rate, and too many wait: try again after Retry-After."
)


class Rates:
    """The rate of each subscription key: `ceiling` per second, or what 429s taught; shared through the store.

    A ceiling of None is no limit until the first 429.
    """

    def __init__(self, store: Store, clock: Callable[[], float], ceiling: float | None = None) -> None:
        self._store = store
        self._ceiling = ceiling
        self._paces = Remembered(store, Pace, "pace:", clock, lifetime=_KEPT)
        self._full: dict[str, Slot] = {}
        self._sent = Sent()
        self.now = clock

    async def of(self, key: str) -> float | None:
        """Requests per second that a key may send now; None is no limit."""
        return rate(await self._paces.get(key), self._ceiling, self.now())

    async def blocked(self, key: str) -> float:
        """Seconds until the upstream takes requests of a key again."""
        pace = await self._paces.get(key)
        return max(0.0, pace.blocked - self.now()) if pace else 0.0

    async def delay(self, key: str) -> float:
        """Seconds to wait before asking again; 0 when a request may go, which then counts as sent."""
        allowed, blocked = await self.of(key), await self.blocked(key)
        wait = blocked if blocked or allowed is None else await self._wait(key, allowed)
        if not wait:
            self._sent.add(key, self.now())
        return wait

    async def _wait(self, key: str, allowed: float) -> float:
        now = self.now()
        current = slot(now, allowed)
        early = self._sent.last(key) + current.gap - now
        if early > 0:
            return early
        if self._full.get(key) != current and await self._took(key, current, allowed):
            return 0.0
        return max(_TICK, current.ends - now)

    async def refused(self, key: str, failure: Failure, started: float) -> None:
        """Learn from a 429."""
        now, before = self.now(), await self._paces.get(key, fresh=True)
        observed = self._sent.observed(key)
        after = after_refusal(before, observed, started, now, failure.retry_after or 1)
        await self._paces.set(key, after)
        _log.warning("rate-lowered", per_second=round(after.rate, 2), seconds=round(after.blocked - now, 1))

    async def _took(self, key: str, current: Slot, allowed: float) -> bool:
        name = f"slot:{key}:{allowed:.4f}:{current.number}"
        if await self._store.add(name, 1, 5 + 2 / allowed) <= current.most:
            self._full.pop(key, None)
            return True
        self._full[key] = current
        return False


class Paced:
    """A request goes up when its key's rate allows: interactive callers first, callers of a kind in turn.

    `who` says whose turn a request needs, `patience` how many seconds it may wait, `most` how many may wait
    under one key.
    """

    def __init__(
        self,
        inner: Handler,
        rates: Rates,
        who: Callable[[FhirRequest], Claimant],
        patience: Callable[[FhirRequest], float],
        *,
        most: int = 1_000,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._rates = rates
        self._who = who
        self._patience = patience
        self._most = most
        self._sleep = sleep
        self._waiting: dict[str, Turns[asyncio.Future[None]]] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure 429 when the client's patience would end before its turn."""
        claimant = self._who(request)
        await self._turn(claimant, self._patience(request))
        started = self._rates.now()
        try:
            return await self._inner(request)
        except Failure as failure:
            if failure.kind.code == RATE_LIMITED.code:
                await self._rates.refused(claimant.key, failure, started)
            raise

    async def _turn(self, claimant: Claimant, patience: float) -> None:
        key = claimant.key
        if key not in self._waiting and not await self._rates.delay(key):
            return
        blocked, turns = await self._rates.blocked(key), self._turns(key)
        if blocked > patience or len(turns) >= self._most:
            raise await self._busy(key)
        turn = asyncio.get_running_loop().create_future()
        turns.add(claimant, turn)
        try:
            async with asyncio.timeout(patience):
                await turn
        except TimeoutError:
            raise await self._busy(key) from None
        finally:
            turns.drop(claimant, turn)

    def _turns(self, key: str) -> Turns[asyncio.Future[None]]:
        """Who waits under a key, with somebody who serves them."""
        if key not in self._waiting:
            self._waiting[key] = Turns()
            task = asyncio.create_task(self._serve(key, self._waiting[key]))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        return self._waiting[key]

    async def _serve(self, key: str, turns: Turns[asyncio.Future[None]]) -> None:
        """Give turns away one by one, as long as somebody waits."""
        try:
            while len(turns):
                delay = await self._rates.delay(key)
                if delay:
                    await self._sleep(min(delay, 1.0))
                else:
                    _next(turns)
        finally:
            del self._waiting[key]

    async def _busy(self, key: str) -> Failure:
        turns, allowed = self._waiting.get(key, ()), await self._rates.of(key)
        seconds = await self._rates.blocked(key) + len(turns) / (allowed or 10)
        return Failure(RATE_LIMITED, text=_BUSY, retry_after=max(1, math.ceil(seconds)))


def _next(turns: Turns[asyncio.Future[None]]) -> None:
    """Wake the next one who still waits."""
    while len(turns):
        turn = turns.take()
        if not turn.done():
            turn.set_result(None)
            return
