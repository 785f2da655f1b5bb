"""CPU time of a call: the least of five, since the collector and a busy machine only add."""

from collections.abc import Callable
from time import process_time


def least_cpu_seconds(call: Callable[[], object]) -> float:
    """Least CPU time of five calls."""
    return min(_cpu_seconds(call) for _ in range(5))


def _cpu_seconds(call: Callable[[], object]) -> float:
    start = process_time()
    call()
    return process_time() - start
