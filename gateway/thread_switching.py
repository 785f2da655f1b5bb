"""How soon a thread that computes gives way to the event loop."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

#: Seconds after which such a thread gives way, because a request needs several turns of the event loop.
#: Python's default is 5 ms; always to switch more often would slow down every request.
_SWITCH_SECONDS: Final = 0.000_5


class _Computations:
    """Computations in threads that run now, and the interval without them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._usual_seconds = 0.0

    def begin(self) -> None:
        with self._lock:
            if self._count == 0:
                self._usual_seconds = sys.getswitchinterval()
                sys.setswitchinterval(min(_SWITCH_SECONDS, self._usual_seconds))
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                sys.setswitchinterval(self._usual_seconds)


_computations = _Computations()


@contextmanager
def frequent_switches() -> Iterator[None]:
    """Let threads give way more often until the end of the last of these blocks."""
    _computations.begin()
    try:
        yield
    finally:
        _computations.end()


async def let_others_run() -> None:
    """Let the event loop run what else is ready, once."""
    await asyncio.sleep(0)
