"""Queries in flight: one for equal questions, shared by all who ask them and owned by nobody."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

#: Seconds that a fresh query waits for the one before it, so that more askers can share it.
MAX_PREDECESSOR_WAIT = 1.0


@dataclass(eq=False)
class _Call(Generic[T]):
    task: asyncio.Task[T]
    version: object
    waiters: int = 0


class SingleFlight(Generic[T]):
    """Shared queries by name. A query nobody waits for any more goes on: it is paid for.

    At most `orphans` such queries run; the next one is cancelled. `mark` gives what must not have changed
    since a query began, or it is not shared.
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
        *,
        require_new: bool = False,
    ) -> tuple[T, bool]:
        """The answer, and whether somebody else's query gave it. Raises what the query raised.

        `fresh`: only a query that has not begun yet will do (traps R7).
        """
        flight, joined = self._find_joinable(key, version, require_new=require_new) or (
            self._start_call(key, function, version, require_new),
            False,
        )
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task), joined
        finally:
            flight.waiters -= 1
            self._cancel_if_excess(flight)

    def run_detached(
        self, key: str, function: Callable[[], Awaitable[T]], version: Callable[[], object]
    ) -> None:
        """Let a query run for nobody in particular, unless it runs or too many do."""
        if (
            self._find_joinable(key, version, require_new=False) is None
            and self._detached_count() < self._max_detached
        ):
            self._start_call(key, function, version, require_new=False)

    @property
    def call_count(self) -> int:
        """Queries that run or wait to."""
        return len(self._calls)

    def _find_joinable(
        self, key: str, version: Callable[[], object], *, require_new: bool
    ) -> tuple[_Call[T], bool] | None:
        found = self._queued_calls.get(key) if require_new else self._running_calls.get(key)
        ending = found is None or found.task.cancelling()
        return (found, True) if found and not ending and (require_new or found.version == version()) else None

    def _start_call(
        self, key: str, function: Callable[[], Awaitable[T]], version: Callable[[], object], require_new: bool
    ) -> _Call[T]:
        before = self._running_calls.get(key) if require_new else None
        where = self._queued_calls if before else self._running_calls

        async def run_after_predecessor() -> T:
            # No variable of the function around it may lead back to this task: such a circle would keep the
            # answer until the collector comes.
            if before:
                await asyncio.wait({before.task}, timeout=MAX_PREDECESSOR_WAIT)
                own = self._running_calls[key] = self._queued_calls.pop(key)
                own.version = version()
            return await function()

        flight = _Call(asyncio.get_running_loop().create_task(run_after_predecessor()), version())
        where[key] = flight
        self._calls.add(flight)
        flight.task.add_done_callback(lambda _: self._remove_call(key, flight))
        return flight

    def _remove_call(self, key: str, call: _Call[T]) -> None:
        self._calls.discard(call)
        for where in (self._running_calls, self._queued_calls):
            if where.get(key) is call:
                del where[key]
        if not call.task.cancelled():
            call.task.exception()

    def _cancel_if_excess(self, call: _Call[T]) -> None:
        if call.waiters == 0 and not call.task.done() and self._detached_count() > self._max_detached:
            call.task.cancel()

    def _detached_count(self) -> int:
        return sum(not each.waiters for each in self._calls if not each.task.done())
