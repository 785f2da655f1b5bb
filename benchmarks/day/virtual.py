"""Simulated time: an event loop in which waiting takes none, and the clock that everything in it shares."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")

#: A Monday for which the emulator's diary has appointments.
MIDNIGHT = datetime(2026, 6, 22, tzinfo=ZoneInfo("Australia/Brisbane"))


@dataclass
class Clock:
    """The seconds of the simulated day, and the moment they stand for."""

    seconds: float = 0.0

    def now(self) -> datetime:
        """The moment."""
        return MIDNIGHT + timedelta(seconds=self.seconds)


class _Skipping(selectors.DefaultSelector):
    """Does not wait for a timer: the clock moves on to it instead. For a thread it waits."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(timeout and 0)
        if timeout and not found:
            self._clock.seconds += timeout
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        self._day = clock
        super().__init__(_Skipping(clock))

    def time(self) -> float:
        return self._day.seconds

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Wait for threads without a time-out: their seconds are not those of the day."""
        del timeout
        await super().shutdown_default_executor()


def simulated(clock: Clock, main: Callable[[], Awaitable[T]]) -> T:
    """What a coroutine function returns when its time is that of the clock."""

    async def run() -> T:
        return await main()

    with asyncio.Runner(loop_factory=lambda: _Loop(clock)) as runner:
        return runner.run(run())
