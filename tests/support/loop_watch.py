"""Measurement of the longest time for which a server's event loop computes without serving others."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event
from time import thread_time

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from support.cpu_time import least_of_some


class LoopWatch:
    """An application around another; after its first request, its loop can be watched.

    Turns are measured in CPU seconds of the loop's own thread, which other work on the machine does not
    lengthen.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.state = app.state
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        await self._app(scope, receive, send)

    def longest_turn(self, act: Callable[[], object], limit: float = 0.0) -> float:
        """Seconds of the longest turn of the loop while `act` runs: the best of some rounds."""
        return least_of_some(partial(self._longest_turn, act), limit)

    def _longest_turn(self, act: Callable[[], object]) -> float:
        with self._watched_turns() as turns:
            act()
        return max(turns)

    @contextmanager
    def _watched_turns(self) -> Iterator[list[float]]:
        assert self._loop is not None, "send a request first"
        turns, started, stopped = [0.0], Event(), Event()
        heartbeat = asyncio.run_coroutine_threadsafe(_beat(turns, started, stopped), self._loop)
        started.wait()
        try:
            yield turns
        finally:
            stopped.set()
            heartbeat.result()


async def _beat(turns: list[float], started: Event, stopped: Event) -> None:
    """Note every turn that is longer than all before it."""
    started.set()
    last = thread_time()
    while not stopped.is_set():
        await asyncio.sleep(0)
        now = thread_time()
        if now - last > turns[-1]:
            turns.append(now - last)
        last = now
