"""Simulated time: an event loop that skips waiting times, and its clock."""

import asyncio
import selectors
from asyncio import Future
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")

#: Start of a Monday with appointments in the emulator.
MIDNIGHT = datetime(2026, 6, 22, tzinfo=ZoneInfo("Australia/Brisbane"))


@dataclass
class Clock:
    """Seconds of the simulated day."""

    seconds: float = 0.0

    def now(self) -> datetime:
        """Simulated date and time."""
        return MIDNIGHT + timedelta(seconds=self.seconds)


class _SkippingSelector(selectors.DefaultSelector):
    """Selector that advances the clock to the next timer instead of waiting.

    It waits for threads, which take no simulated time.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.running_threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout and self.running_threads:
            return super().select()
        ready = super().select(timeout and 0)
        if timeout and not ready:
            self._clock.seconds += timeout
        return ready


class _SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        self._day = clock
        self._skipping_selector = _SkippingSelector(clock)
        super().__init__(self._skipping_selector)

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> Future[T]:
        """Compute in a thread, without simulated time."""
        self._skipping_selector.running_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._end_thread)
        return future

    def _end_thread(self, _: Future[Any]) -> None:
        self._skipping_selector.running_threads -= 1

    def time(self) -> float:
        return self._day.seconds

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Wait for threads without a timeout, because they run in real time."""
        del timeout
        await super().shutdown_default_executor()


def run_simulated(clock: Clock, main: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function in simulated time and return its result."""

    async def run() -> T:
        return await main()

    with asyncio.Runner(loop_factory=lambda: _SimulatedLoop(clock)) as runner:
        return runner.run(run())
