"""A shared store that may be away, and an embedded one that stands in meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple, TypeVar

import structlog
from cachetools import TLRUCache

from gateway.stores.base import Figures, Store

T = TypeVar("T")

_log = structlog.get_logger()
#: Counters raised while the shared store is away that are remembered for it.
_OWED = 100_000


class _Owed(NamedTuple):
    amount: int
    seconds: float


def _ends(_: str, owed: _Owed, now: float) -> float:
    return now + owed.seconds


class FallbackStore:
    """Never fails for its shared store: what raises ConnectionError there is done by a spare instead.

    Each absence gets a new spare, so that nothing is served that writes have made stale in between. Counters
    raised meanwhile are raised in the shared store when it is back, before anything is read from it; those
    whose time is over by then count no more.
    """

    def __init__(
        self,
        shared: Store,
        spare: Callable[[], Store],
        pause: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared = shared
        self._spare = spare
        self._pause = pause
        self._standing_in: Store | None = None
        self._problem = ""
        self.absences = 0
        self._owed: TLRUCache[str, _Owed] = TLRUCache(_OWED, ttu=_ends, timer=clock)
        self._waiting: asyncio.Task[None] | None = None

    async def get(self, name: str) -> bytes | None:
        """The value kept under a name, if its time is not over."""
        return await self._done(lambda store: store.get(name))

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value for a time."""
        await self._done(lambda store: store.set(name, value, seconds))

    async def delete(self, *names: str) -> None:
        """Forget values."""
        await self._done(lambda store: store.delete(*names))

    async def add(self, name: str, amount: int, seconds: float) -> int:
        """A counter raised by an amount, as it is then."""

        def act(store: Store) -> Awaitable[int]:
            if store is not self._shared:
                self._owe(name, amount, seconds)
            return store.add(name, amount, seconds)

        return await self._done(act)

    async def claim(self, name: str, holder: str, seconds: float) -> bool:
        """Whether the holder has the lease."""
        return await self._done(lambda store: store.claim(name, holder, seconds))

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back; somebody else's stays."""
        await self._done(lambda store: store.release(name, holder))

    @property
    def away(self) -> bool:
        """Whether the spare stands in."""
        return self._standing_in is not None

    async def figures(self) -> Figures:
        """What the store in use holds."""
        return await self._done(lambda store: store.figures())

    async def problem(self) -> str:
        """Why the spare stands in; empty while the shared store works."""
        return self._problem

    async def aclose(self) -> None:
        """Stop looking for the shared store."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def _done(self, act: Callable[[Store], Awaitable[T]]) -> T:
        if self._standing_in is None:
            try:
                return await act(self._shared)
            except ConnectionError as problem:
                self._went(str(problem))
        return await act(self._standing_in or self._spare())

    def _went(self, problem: str) -> None:
        if self._standing_in is not None:
            return
        self._standing_in = self._spare()
        self.absences += 1
        self._problem = f"the shared store is away ({problem}): this process goes on with its own memory"
        self._waiting = asyncio.get_running_loop().create_task(self._returned())
        _log.warning("store-away", problem=problem)

    async def _returned(self) -> None:
        """Until the shared store is back, with what it is owed."""
        while True:
            await asyncio.sleep(self._pause)
            if await self._shared.problem():
                continue
            try:
                await self._paid()
            except ConnectionError:
                continue
            self._standing_in, self._problem = None, ""
            _log.info("store-back")
            return

    async def _paid(self) -> None:
        """Raise in the shared store what was raised meanwhile, and what is raised while doing so."""
        while self._owed:
            for name in tuple(self._owed):
                owed = self._owed.pop(name, _Owed(0, 0))
                try:
                    await self._shared.add(name, *owed)
                except ConnectionError:
                    self._owe(name, *owed)
                    raise

    def _owe(self, name: str, amount: int, seconds: float) -> None:
        before = self._owed.get(name)
        if amount:
            self._owed[name] = _Owed(amount + (before.amount if before else 0), seconds)
