"""Fallback of a shared store to an embedded one while the shared store is down."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from time import monotonic
from typing import NamedTuple, TypeVar

import structlog
from cachetools import TLRUCache

from gateway.stores.base import SITE_WIDE_SUFFIX, Store, StoreStats

T = TypeVar("T")

_log = structlog.get_logger()
#: Counters with missed increments to replay; beyond that, the least recently used is dropped.
_MAX_MISSED_INCREMENTS = 100_000
#: Seconds after a recovery within which another outage is the same one: its first probe waits twice as long,
#: up to a maximum. So a store that refuses what a probe does not test counts as down most of the time.
_STEADY_SECONDS, _MAX_FIRST_WAIT = 60.0, 60.0


class _MissedIncrement(NamedTuple):
    amount: int
    seconds: float


def _expires_at(_: str, increment: _MissedIncrement, now: float) -> float:
    return now + increment.seconds


class FallbackStore:
    """Runs each operation in the shared store, or in a spare store if the shared one raises ConnectionError.

    Each outage gets a new spare, so that no value of an earlier outage is served that a write has made stale.
    When the shared store is up, the counters incremented during the outage are incremented there before
    anything is read from it, except those that have expired.
    """

    def __init__(
        self,
        shared_store: Store,
        spare_factory: Callable[[], Store],
        probe_interval: float = 1.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared_store = shared_store
        self._spare_factory = spare_factory
        self._probe_interval = self._first_wait = probe_interval
        self._clock = clock
        self._up_since = -inf
        self._active_spare: Store | None = None
        self._problem = ""
        self.outages = 0
        #: Called when the shared store is in use again: writes through others were unknown in the meantime.
        self.recovery_listener: Callable[[], Awaitable[None]] | None = None
        self._missed_increments: TLRUCache[str, _MissedIncrement] = TLRUCache(
            _MAX_MISSED_INCREMENTS, ttu=_expires_at, timer=clock
        )
        self._recovery_task: asyncio.Task[None] | None = None

    async def get(self, name: str) -> bytes | None:
        """Return the value stored under a name, or None if there is none or it has expired."""
        return await self._run_with_fallback(lambda store: store.get(name))

    async def get_all(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the values stored under those of these names that have one."""
        return await self._run_with_fallback(lambda store: store.get_all(names))

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Store a value for a number of seconds."""
        await self._run_with_fallback(lambda store: store.set(name, value, seconds))

    async def delete(self, *names: str) -> None:
        """Delete values."""
        await self._run_with_fallback(lambda store: store.delete(*names))

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """Increment a counter and return its value."""

        def operation(store: Store) -> Awaitable[int]:
            if store is not self._shared_store:
                self._add_missed_increment(name, amount, seconds)
            return store.increment(name, amount, seconds)

        return await self._run_with_fallback(operation)

    async def read_invalidations(self, name: str, seconds: float) -> int | None:
        """Return the number of a counter of invalidations, which is not created."""
        return await self._run_with_fallback(lambda store: store.read_invalidations(name, seconds))

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire a lock; return whether the holder has it."""
        return await self._run_with_fallback(lambda store: store.acquire_lock(name, holder, seconds))

    async def release_lock(self, name: str, holder: str) -> None:
        """Release a lock, if the holder has it."""
        await self._run_with_fallback(lambda store: store.release_lock(name, holder))

    @property
    def is_down(self) -> bool:
        """Whether the spare store is in use."""
        return self._active_spare is not None

    async def read_stats(self) -> StoreStats:
        """Read the figures of the store in use."""
        return await self._run_with_fallback(lambda store: store.read_stats())

    async def problem(self) -> str:
        """Describe why the spare store is in use; empty while the shared store is up."""
        return self._problem

    async def aclose(self) -> None:
        """Stop probing the shared store."""
        if self._recovery_task is not None:
            self._recovery_task.cancel()

    async def _run_with_fallback(self, operation: Callable[[Store], Awaitable[T]]) -> T:
        if self._active_spare is None:
            try:
                return await operation(self._shared_store)
            except ConnectionError as error:
                self._switch_to_spare(str(error))
        return await operation(self._active_spare or self._spare_factory())

    def _switch_to_spare(self, problem: str) -> None:
        if self._active_spare is not None:
            return
        self._active_spare = self._spare_factory()
        is_same_outage = self._clock() - self._up_since < _STEADY_SECONDS
        longer_wait = max(self._probe_interval, min(2 * self._first_wait, _MAX_FIRST_WAIT))
        self._first_wait = longer_wait if is_same_outage else self._probe_interval
        self.outages += 1
        self._problem = f"shared store unavailable ({problem}); using in-process memory"
        self._recovery_task = asyncio.get_running_loop().create_task(self._wait_until_up())
        _log.warning("shared-store-down", problem=problem)

    async def _wait_until_up(self) -> None:
        """Probe the shared store until it is up and has the missed increments."""
        wait = self._first_wait
        while True:
            await asyncio.sleep(wait)
            wait = self._probe_interval
            if await self._shared_store.problem():
                continue
            try:
                await self._replay_missed_increments()
            except ConnectionError:
                continue
            self._active_spare, self._problem, self._up_since = None, "", self._clock()
            _log.info("shared-store-up")
            if self.recovery_listener:
                await self.recovery_listener()
            return

    async def _replay_missed_increments(self) -> None:
        """Replay the missed increments in the shared store, with those that are added during the replay.

        A site's own counter first, as in a write: another replica that finds it unchanged may store what was
        there before the write under the other counters as they are then.
        """
        while self._missed_increments:
            for name in sorted(self._missed_increments, key=_is_replayed_later):
                missed = self._missed_increments.pop(name, _MissedIncrement(0, 0))
                try:
                    await self._shared_store.increment(name, *missed)
                except ConnectionError:
                    self._add_missed_increment(name, *missed)
                    raise

    def _add_missed_increment(self, name: str, amount: int, seconds: float) -> None:
        before = self._missed_increments.get(name)
        if amount:
            self._missed_increments[name] = _MissedIncrement(
                amount + (before.amount if before else 0), seconds
            )


def _is_replayed_later(name: str) -> bool:
    return not name.endswith(SITE_WIDE_SUFFIX)
