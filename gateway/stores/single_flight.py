"""Queries in flight: one for equal questions, shared by all who ask them and owned by nobody."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

#: Seconds that a fresh query waits for the one before it, so that more askers can share it.
PATIENCE = 1.0


@dataclass(eq=False)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    mark: object
    waiting: int = 0


class Flights(Generic[T]):
    """Shared queries by name. A query nobody waits for any more goes on: it is paid for.

    At most `orphans` such queries run; the next one is cancelled. `mark` gives what must not have changed
    since a query began, or it is not shared.
    """

    def __init__(self, orphans: int) -> None:
        self._orphans = orphans
        self._running: dict[str, _Flight[T]] = {}
        self._queued: dict[str, _Flight[T]] = {}
        self._all: set[_Flight[T]] = set()

    async def shared(
        self,
        name: str,
        ask: Callable[[], Awaitable[T]],
        mark: Callable[[], object],
        *,
        fresh: bool = False,
    ) -> tuple[T, bool]:
        """The answer, and whether somebody else's query gave it. Raises what the query raised.

        `fresh`: only a query that has not begun yet will do (traps R7).
        """
        flight, joined = self._joined(name, mark, fresh=fresh) or (self._begun(name, ask, mark, fresh), False)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), joined
        finally:
            flight.waiting -= 1
            self._bounded(flight)

    def start(self, name: str, ask: Callable[[], Awaitable[T]], mark: Callable[[], object]) -> None:
        """Let a query run for nobody in particular, unless it runs or too many do."""
        if self._joined(name, mark, fresh=False) is None and self._alone() < self._orphans:
            self._begun(name, ask, mark, fresh=False)

    @property
    def count(self) -> int:
        """Queries that run or wait to."""
        return len(self._all)

    def _joined(
        self, name: str, mark: Callable[[], object], *, fresh: bool
    ) -> tuple[_Flight[T], bool] | None:
        found = self._queued.get(name) if fresh else self._running.get(name)
        ending = found is None or found.task.cancelling()
        return (found, True) if found and not ending and (fresh or found.mark == mark()) else None

    def _begun(
        self, name: str, ask: Callable[[], Awaitable[T]], mark: Callable[[], object], fresh: bool
    ) -> _Flight[T]:
        before = self._running.get(name) if fresh else None
        where = self._queued if before else self._running

        async def flown() -> T:
            # No variable of the function around it may lead back to this task: such a circle would keep the
            # answer until the collector comes.
            if before:
                await asyncio.wait({before.task}, timeout=PATIENCE)
                own = self._running[name] = self._queued.pop(name)
                own.mark = mark()
            return await ask()

        flight = _Flight(asyncio.get_running_loop().create_task(flown()), mark())
        where[name] = flight
        self._all.add(flight)
        flight.task.add_done_callback(lambda _: self._landed(name, flight))
        return flight

    def _landed(self, name: str, flight: _Flight[T]) -> None:
        self._all.discard(flight)
        for where in (self._running, self._queued):
            if where.get(name) is flight:
                del where[name]
        if not flight.task.cancelled():
            flight.task.exception()

    def _bounded(self, flight: _Flight[T]) -> None:
        if flight.waiting == 0 and not flight.task.done() and self._alone() > self._orphans:
            flight.task.cancel()

    def _alone(self) -> int:
        return sum(not each.waiting for each in self._all if not each.task.done())
