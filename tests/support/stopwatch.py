"""Seconds of a wait, without those in which the machine did not run this process.

A test with an upper bound on a wait is about the gateway; a machine that stops its process for a second
tells nothing of it. Work is measured in CPU seconds instead (`cpu_time`): code that keeps the interpreter
for itself would count as such a stop.
"""

from threading import Event, Thread
from time import monotonic
from typing import Self

_TICK = 0.02
#: A longer tick is a stop of the process: so many seconds of it count.
_LONGEST_TICK = 0.1


class Stopwatch:
    """A block of code: its `seconds` are counted in ticks; `elapsed`, for lower bounds, are all of them."""

    def __init__(self) -> None:
        self.seconds = self.elapsed = self._started_at = 0.0
        self._has_ended = Event()
        self._thread = Thread(target=self._count, daemon=True)

    def __enter__(self) -> Self:
        self._started_at = monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.elapsed = monotonic() - self._started_at
        self._has_ended.set()
        self._thread.join()

    def _count(self) -> None:
        last, is_over = monotonic(), False
        while not is_over:
            is_over = self._has_ended.wait(_TICK)
            now = monotonic()
            self.seconds += min(now - last, _LONGEST_TICK)
            last = now
