"""CPU time: the least of some measurements, since the collector and a busy machine only add."""

from collections.abc import Callable
from functools import partial
from math import inf
from time import process_time

_ROUNDS, _ROUNDS_WITH_A_LIMIT = 5, 50


def least_of_some(measure: Callable[[], float], limit: float = 0.0) -> float:
    """Least of five measurements; with a limit the first below it, or the least of 50."""
    least = inf
    for _ in range(_ROUNDS_WITH_A_LIMIT if limit else _ROUNDS):
        least = min(least, measure())
        if least < limit:
            break
    return least


def least_cpu_seconds(call: Callable[[], object], limit: float = 0.0) -> float:
    """Least CPU time of some calls."""
    return least_of_some(partial(_cpu_seconds, call), limit)


def _cpu_seconds(call: Callable[[], object]) -> float:
    start = process_time()
    call()
    return process_time() - start
