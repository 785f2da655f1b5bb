"""Single flight: concurrent calls with the same key share one call, which no caller owns."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T")

#: Seconds that a new call waits for the running one, which is too old, so that more callers can share it.
MAX_PREDECESSOR_WAIT = 1.0


@dataclass(eq=False)
class _Call(Generic[T]):
    task: asyncio.Task[T]
    version: object
    begun_at: float
    waiters: int = 0


class SingleFlight(Generic[T]):
    """Coalesces concurrent calls with the same key. A call continues after all its waiters have cancelled.

    It is already billed. At most `max_detached` calls run without a waiter; the next one is cancelled. A
    call is shared only while `version` returns the value that it returned when the call began.
    """

    def __init__(self, max_detached: int) -> None:
        self._max_detached = max_detached
        self._running_calls: dict[str, _Call[T]] = {}
        self._queued_calls: dict[str, _Call[T]] = {}
        self._calls: set[_Call[T]] = set()

    async def run(
        self,
        key: str,
        function: Callable[[], Awaitable[T]],
        version: Callable[[], object],
        max_age: float = inf,
    ) -> tuple[T, bool]:
        """Return the result, and whether another caller started the call. Passes on exceptions of the call.

        It joins only a call that began less than `max_age` seconds ago; with 0, one that has not begun yet
        (traps R7).
        """
        joinable = self._find_joinable(key, version, max_age)
        call = joinable or self._start_call(key, function, version, max_age)
        is_joined = joinable is not None
        call.waiters += 1
        try:
            return await asyncio.shield(call.task), is_joined
        finally:
            call.waiters -= 1
            self._cancel_if_excess(call)

    def run_detached(
        self, key: str, function: Callable[[], Awaitable[T]], version: Callable[[], object]
    ) -> None:
        """Start a call without a waiter, unless the key has one or `max_detached` such calls run."""
        if self._find_joinable(key, version, inf) is None and self._detached_count() < self._max_detached:
            self._start_call(key, function, version, inf)

    @property
    def call_count(self) -> int:
        """Number of calls that run or wait for their predecessor."""
        return len(self._calls)

    def _find_joinable(self, key: str, version: Callable[[], object], max_age: float) -> _Call[T] | None:
        running = self._running_calls.get(key)
        is_old = running is not None and _age_of(running) >= max_age
        call = self._queued_calls.get(key) if is_old or max_age <= 0 else running
        if call is None or call.task.cancelling():
            return None
        return call if call is not running or call.version == version() else None

    def _start_call(
        self, key: str, function: Callable[[], Awaitable[T]], version: Callable[[], object], max_age: float
    ) -> _Call[T]:
        running = self._running_calls.get(key)
        predecessor = running if running and _age_of(running) >= max_age else None
        calls = self._queued_calls if predecessor else self._running_calls

        async def run_after_predecessor() -> T:
            # No variable of the enclosing function may refer to this task: a reference cycle would hold the
            # result until the garbage collector runs.
            if predecessor:
                await asyncio.wait({predecessor.task}, timeout=MAX_PREDECESSOR_WAIT)
                own_call = self._running_calls[key] = self._queued_calls.pop(key)
                own_call.version, own_call.begun_at = version(), loop.time()
            return await function()

        loop = asyncio.get_running_loop()
        call = _Call(loop.create_task(run_after_predecessor()), version(), loop.time())
        calls[key] = call
        self._calls.add(call)
        call.task.add_done_callback(lambda _: self._remove_call(key, call))
        return call

    def _remove_call(self, key: str, call: _Call[T]) -> None:
        self._calls.discard(call)
        for calls in (self._running_calls, self._queued_calls):
            if calls.get(key) is call:
                del calls[key]
        if not call.task.cancelled():
            call.task.exception()

    def _cancel_if_excess(self, call: _Call[T]) -> None:
        if call.waiters == 0 and not call.task.done() and self._detached_count() > self._max_detached:
            call.task.cancel()

    def _detached_count(self) -> int:
        return sum(not call.waiters for call in self._calls if not call.task.done())


def _age_of(call: _Call[T]) -> float:
    """Return the seconds since a call began."""
    return asyncio.get_running_loop().time() - call.begun_at
