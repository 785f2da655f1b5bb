"""Exponential backoff with jitter, and how long a request may wait in all."""

import re
from dataclasses import dataclass
from typing import Final

from gateway.exchange import FhirRequest


@dataclass(frozen=True, slots=True)
class Doubling:
    """Waits that double from `start` seconds up to `longest`."""

    start: float = 5.0
    longest: float = 300.0

    def wait(self, number: int) -> float:
        """The wait after the number-th failure, from 1."""
        return float(min(self.longest, self.start * 2.0 ** min(number - 1, 60)))


#: No limit but the client's patience and the budget.
_PATIENT: Final = 20


_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,5})\b")


def patience(request: FhirRequest, longest: float) -> float:
    """Seconds the client will wait beyond the query itself: `Prefer: wait=` (RFC 7240 4.3), capped."""
    found = _WAIT.search(request.header("prefer").lower())
    return min(longest, float(found[1])) if found else longest


def left(request: FhirRequest, longest: float, now: float) -> float:
    """Seconds of the client's patience that are left; below 0 once it has waited longer.

    `now` is of the clock that times the client's `waiting`.
    """
    return patience(request, longest) - request.waiting.seconds(now)
