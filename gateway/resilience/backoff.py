"""Exponential backoff, and the time that a request may still wait."""

import re
from dataclasses import dataclass

from gateway.exchange import FhirRequest

_PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,5})\b")


@dataclass(frozen=True, slots=True)
class ExponentialBackoff:
    """Waits that double with each attempt, up to a maximum; callers add the jitter."""

    initial_seconds: float = 5.0
    max_seconds: float = 300.0

    def wait_seconds(self, attempt: int) -> float:
        """Wait after a failed attempt, in seconds; the first attempt is 1."""
        return float(min(self.max_seconds, self.initial_seconds * 2.0 ** min(attempt - 1, 60)))


def max_wait(request: FhirRequest, configured_max: float) -> float:
    """Maximum total wait in seconds: `Prefer: wait=` (RFC 7240 section 4.3), at most the configured one."""
    return max_wait_of(request.header("prefer"), configured_max)


def max_wait_of(prefer: str, configured_max: float) -> float:
    """Maximum total wait in seconds by the value of the field Prefer."""
    match = _PREFER_WAIT.search(prefer.lower()) if prefer else None
    return min(configured_max, float(match[1])) if match else configured_max


def remaining_wait(request: FhirRequest, configured_max: float, now: float) -> float:
    """Seconds that a request may still wait; below 0 after its deadline. `now` is of the deadline's clock."""
    return min(max_wait(request, configured_max), request.deadline - now)
