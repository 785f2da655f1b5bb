"""Exponential backoff with jitter, and how long a request may wait in all."""

import re
from dataclasses import dataclass
from typing import Final

from gateway.exchange import FhirRequest


@dataclass(frozen=True, slots=True)
class ExponentialBackoff:
    """Waits that double from `start` seconds up to `longest`."""

    initial_seconds: float = 5.0
    max_seconds: float = 300.0

    def wait_seconds(self, attempt: int) -> float:
        """The wait after the number-th failure, from 1."""
        return float(min(self.max_seconds, self.initial_seconds * 2.0 ** min(attempt - 1, 60)))


#: No limit but the client's patience and the budget.
_NO_RETRY_LIMIT: Final = 20


_PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,5})\b")


def max_wait(request: FhirRequest, configured_max: float) -> float:
    """Seconds the client will wait beyond the query itself: `Prefer: wait=` (RFC 7240 4.3), capped."""
    found = _PREFER_WAIT.search(request.header("prefer").lower())
    return min(configured_max, float(found[1])) if found else configured_max


def remaining_wait(request: FhirRequest, configured_max: float, now: float) -> float:
    """Seconds of the client's patience that are left; below 0 once it has waited longer.

    `now` is of the clock that times the client's `waiting`.
    """
    return max_wait(request, configured_max) - request.wait_clock.waited_seconds(now)
