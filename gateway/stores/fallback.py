"""Fallback of a shared store to an embedded one while the shared store is down."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import count
from math import inf
from time import monotonic
from typing import NamedTuple, TypeVar

import structlog
from cachetools import TLRUCache

from gateway.stores.base import BEAT_PREFIX, INVALIDATION_PREFIX, SITE_WIDE_SUFFIX, Store, StoreStats

T = TypeVar("T")

_log = structlog.get_logger()
#: Counters with missed increments to replay; beyond that, the least recently used is dropped.
_MAX_MISSED_INCREMENTS = 100_000
#: Seconds after a recovery within which another outage is the same one: the shared store is then used again
#: after twice the wait, up to a maximum. So one that refuses what a probe does not test is mostly not used.
_STEADY_SECONDS, _MAX_WAIT = 5.0, 60.0
#: Seconds in which a process that ends tries to use the shared store again, and those in which a probe ends.
_LAST_ATTEMPT_SECONDS, _CANCEL_SECONDS = 0.5, 0.1


class _MissedIncrement(NamedTuple):
    amount: int
    seconds: float


def _expires_at(_: str, increment: _MissedIncrement, now: float) -> float:
    return now + increment.seconds


class FallbackStore:
    """Runs each operation in the shared store, or in a spare store if the shared one raises ConnectionError.

    Each outage gets a new spare, so that no value of an earlier outage is served that a write has made stale.
    As soon as the shared store is up, the counters incremented during the outage are incremented there,
    except those that have expired, also while this process does not use it yet: others do.
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
        self._probe_interval = self._wait = probe_interval
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
        self._ends = asyncio.Event()

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

    async def end_outage(self) -> None:
        """At the end of the process, use the shared store again without a wait, if it is up."""
        self._ends.set()
        if self._recovery_task is not None:
            await asyncio.wait([self._recovery_task], timeout=_LAST_ATTEMPT_SECONDS)

    async def aclose(self) -> None:
        """Replay the missed increments if the shared store is up, stop probing it, and log what is lost."""
        try:
            await self.end_outage()
        finally:
            await self._stop_recovery()
            lost = sum(name.startswith(INVALIDATION_PREFIX) for name in self._missed_increments)
            if lost:
                _log.warning("invalidations-lost", counters=lost)

    async def _stop_recovery(self) -> None:
        if self._recovery_task is not None:
            self._recovery_task.cancel()
            await asyncio.wait([self._recovery_task], timeout=_CANCEL_SECONDS)

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
        longer_wait = max(self._probe_interval, min(2 * self._wait, _MAX_WAIT))
        self._wait = longer_wait if is_same_outage else self._probe_interval
        self.outages += 1
        self._problem = f"shared store unavailable ({problem}); using in-process memory"
        self._recovery_task = asyncio.get_running_loop().create_task(self._wait_until_up())
        _log.warning("shared-store-down", problem=problem)

    async def _wait_until_up(self) -> None:
        """Probe the shared store until it is up, has the missed increments, and the wait is over.

        No increment is missed in between: nothing else runs from the end of the replay to the switch.
        """
        for probe in count(1):
            is_last = await self._is_ending_within(self._probe_interval)
            is_replayed = await self._replay_if_up()
            if is_replayed and (self._ends.is_set() or probe * self._probe_interval >= self._wait):
                await self._switch_to_shared_store()
                return
            if is_last:
                return

    async def _is_ending_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ends.wait()
        return self._ends.is_set()

    async def _replay_if_up(self) -> bool:
        """Replay the missed increments if the shared store is up; return whether it has all of them."""
        if await self._shared_store.problem():
            return False
        try:
            await self._replay_missed_increments()
        except ConnectionError:
            return False
        return True

    async def _switch_to_shared_store(self) -> None:
        self._active_spare, self._problem, self._up_since = None, "", self._clock()
        _log.info("shared-store-up")
        if self.recovery_listener:
            await self.recovery_listener()

    async def _replay_missed_increments(self) -> None:
        """Replay the missed increments in the shared store, then those that are added during the replay.

        A site's own counter first, as in a write: another replica that finds it unchanged may store what was
        there before the write under the other counters as they are then.
        """
        while self._missed_increments:
            missed = self._take_missed_increments()
            try:
                for name in sorted(missed, key=_is_replayed_later):
                    await self._shared_store.increment(name, *missed[name])
                    del missed[name]
            finally:
                for name, rest in missed.items():
                    self._add_missed_increment(name, *rest)

    def _take_missed_increments(self) -> dict[str, _MissedIncrement]:
        with self._missed_increments.timer:  # stands still, so that none expires while it is read
            missed = dict(self._missed_increments)
        self._missed_increments.clear()
        return missed

    def _add_missed_increment(self, name: str, amount: int, seconds: float) -> None:
        before = self._missed_increments.get(name)
        if amount and not name.startswith(BEAT_PREFIX):
            self._missed_increments[name] = _MissedIncrement(
                amount + (before.amount if before else 0), seconds
            )


def _is_replayed_later(name: str) -> bool:
    return not name.endswith(SITE_WIDE_SUFFIX)
