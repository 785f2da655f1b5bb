"""Measurement of the longest time for which one call to C may keep all other threads waiting."""

import gc
import sys
from collections.abc import Callable
from functools import partial
from time import thread_time
from types import FrameType
from typing import Any

from support.cpu_time import least_of_some

#: Calls that let other threads run while they copy (CPython: `bytes.join` of over 1 MiB).
_WITHOUT_INTERPRETER = {"join"}


def has_short_steps(act: Callable[[], object], seconds: float) -> bool:
    """Whether no step between two calls or returns takes so many CPU seconds, in one of some rounds.

    Between those, Python code gives way to other threads, so that only a call to C takes long.
    """
    return least_of_some(partial(longest_step, act), seconds) < seconds


def longest_step(act: Callable[[], object]) -> float:
    """CPU seconds of the longest step."""
    longest = last = 0.0

    def measure(frame: FrameType, event: str, call: Any) -> None:
        nonlocal longest, last
        if not (event == "c_return" and call.__name__ in _WITHOUT_INTERPRETER):
            longest = max(longest, thread_time() - last)
        last = thread_time()

    gc.collect()
    gc.disable()
    last = thread_time()
    sys.setprofile(measure)
    try:
        act()
    finally:
        sys.setprofile(None)
        gc.enable()
    return longest
