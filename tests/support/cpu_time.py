"""CPU time of a call: the least of some, since the collector and a busy machine only add."""

from collections.abc import Callable
from math import inf
from time import process_time

_CALLS, _CALLS_ON_A_BUSY_MACHINE = 5, 50


def least_cpu_seconds(call: Callable[[], object], limit: float = inf) -> float:
    """Least CPU time of five calls, or of up to 50 while all take longer than `limit`."""
    least = min(_cpu_seconds(call) for _ in range(_CALLS))
    for _ in range(_CALLS_ON_A_BUSY_MACHINE - _CALLS):
        if least < limit:
            break
        least = min(least, _cpu_seconds(call))
    return least


def _cpu_seconds(call: Callable[[], object]) -> float:
    start = process_time()
    call()
    return process_time() - start
