"""A shared store that may be away, and an embedded one that stands in meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple, TypeVar

import structlog
from cachetools import TLRUCache

from gateway.stores.base import Store, StoreStats

T = TypeVar("T")

_log = structlog.get_logger()
#: Counters raised while the shared store is away that are remembered for it.
_MAX_MISSED_INCREMENTS = 100_000


class _MissedIncrement(NamedTuple):
    amount: int
    seconds: float


def _expires_at(_: str, increment: _MissedIncrement, now: float) -> float:
    return now + increment.seconds


class FallbackStore:
    """Never fails for its shared store: what raises ConnectionError there is done by a spare instead.

    Each absence gets a new spare, so that nothing is served that writes have made stale in between. Counters
    raised meanwhile are raised in the shared store when it is back, before anything is read from it; those
    whose time is over by then count no more.
    """

    def __init__(
        self,
        shared_store: Store,
        spare_factory: Callable[[], Store],
        probe_interval: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared_store = shared_store
        self._spare_factory = spare_factory
        self._probe_interval = probe_interval
        self._active_spare: Store | None = None
        self._problem = ""
        self.outages = 0
        self._missed_increments: TLRUCache[str, _MissedIncrement] = TLRUCache(
            _MAX_MISSED_INCREMENTS, ttu=_expires_at, timer=clock
        )
        self._recovery_task: asyncio.Task[None] | None = None

    async def get(self, name: str) -> bytes | None:
        """The value kept under a name, if its time is not over."""
        return await self._run_with_fallback(lambda store: store.get(name))

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value for a time."""
        await self._run_with_fallback(lambda store: store.set(name, value, seconds))

    async def delete(self, *names: str) -> None:
        """Forget values."""
        await self._run_with_fallback(lambda store: store.delete(*names))

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """A counter raised by an amount, as it is then."""

        def operation(store: Store) -> Awaitable[int]:
            if store is not self._shared_store:
                self._add_missed_increment(name, amount, seconds)
            return store.increment(name, amount, seconds)

        return await self._run_with_fallback(operation)

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Whether the holder has the lease."""
        return await self._run_with_fallback(lambda store: store.acquire_lock(name, holder, seconds))

    async def release_lock(self, name: str, holder: str) -> None:
        """Give a lease back; somebody else's stays."""
        await self._run_with_fallback(lambda store: store.release_lock(name, holder))

    @property
    def is_down(self) -> bool:
        """Whether the spare stands in."""
        return self._active_spare is not None

    async def read_stats(self) -> StoreStats:
        """What the store in use holds."""
        return await self._run_with_fallback(lambda store: store.read_stats())

    async def problem(self) -> str:
        """Why the spare stands in; empty while the shared store works."""
        return self._problem

    async def aclose(self) -> None:
        """Stop looking for the shared store."""
        if self._recovery_task is not None:
            self._recovery_task.cancel()

    async def _run_with_fallback(self, operation: Callable[[Store], Awaitable[T]]) -> T:
        if self._active_spare is None:
            try:
                return await operation(self._shared_store)
            except ConnectionError as problem:
                self._switch_to_spare(str(problem))
        return await operation(self._active_spare or self._spare_factory())

    def _switch_to_spare(self, problem: str) -> None:
        if self._active_spare is not None:
            return
        self._active_spare = self._spare_factory()
        self.outages += 1
        self._problem = f"the shared store is away ({problem}): this process goes on with its own memory"
        self._recovery_task = asyncio.get_running_loop().create_task(self._wait_until_up())
        _log.warning("store-away", problem=problem)

    async def _wait_until_up(self) -> None:
        """Until the shared store is back, with what it is owed."""
        while True:
            await asyncio.sleep(self._probe_interval)
            if await self._shared_store.problem():
                continue
            try:
                await self._replay_missed_increments()
            except ConnectionError:
                continue
            self._active_spare, self._problem = None, ""
            _log.info("store-back")
            return

    async def _replay_missed_increments(self) -> None:
        """Raise in the shared store what was raised meanwhile, and what is raised while doing so."""
        while self._missed_increments:
            for name in tuple(self._missed_increments):
                owed = self._missed_increments.pop(name, _MissedIncrement(0, 0))
                try:
                    await self._shared_store.increment(name, *owed)
                except ConnectionError:
                    self._add_missed_increment(name, *owed)
                    raise

    def _add_missed_increment(self, name: str, amount: int, seconds: float) -> None:
        before = self._missed_increments.get(name)
        if amount:
            self._missed_increments[name] = _MissedIncrement(
                amount + (before.amount if before else 0), seconds
            )
