"""How long to leave one site alone, and why (Halo Connect, troubleshooting: double after each failure).

Times are seconds since 1970; `chance` is a random number from 0 to 1.
"""

from typing import Final, Literal

import msgspec

from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.resilience.backoff import ExponentialBackoff

CircuitState = Literal["closed", "open", "half-open"]

CIRCUIT_OPEN: Final = FailureKind(
    "practice-circuit-open",
    503,
    "transient",
    "The practice has failed repeatedly and is left alone for a while; this request was not sent to it. Try"
    " again after Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
    may_have_run=False,
)

#: Code of a failure -> how many in a row make a site rest.
FAILURES_TO_OPEN: Final[dict[str, int]] = {
    "practice-offline": 1,
    "practice-unreachable": 1,
    "practice-database-down": 1,
    "upstream-503": 1,
    "practice-connection-lost": 2,
    "upstream-connect": 2,
    "upstream-500": 2,
    "upstream-502": 2,
    "upstream-5xx": 2,
    "practice-bad-result": 3,
    "practice-database-busy": 3,
    "practice-query-orphaned": 3,
    "practice-result-lost": 3,
    "practice-upload-failed": 3,
    "upstream-reset": 3,
    "upstream-timeout": 3,
    "practice-query-timeout": 5,
}

#: Reasons that a site's status tells about: once it says `online`, they are over.
REPORTED_BY_SITE_STATUS: Final = frozenset({"practice-offline", "practice-unreachable"})


class Circuit(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one site's trouble; the default is a site that is well.

    `failures` counts those in a row, `rests` the pauses they led to; `counted` is when the last failure was
    counted, `until` when the pause is over, `reason` the failure's code.
    """

    failures: int = 0
    times_opened: int = 0
    last_failure_at: float = 0.0
    open_until: float = 0.0
    reason: str = ""

    def state(self, now: float) -> CircuitState:
        """Whether the site may be asked: freely, not at all, or by one request that decides."""
        if not self.times_opened:
            return "closed"
        return "open" if now < self.open_until else "half-open"

    def seconds_until_half_open(self, now: float) -> float:
        """Seconds until the pause is over."""
        return max(0.0, self.open_until - now)


CLOSED: Final = Circuit()


def circuit_after_failure(
    circuit: Circuit,
    failure: Failure,
    started_at: float,
    now: float,
    backoff_policy: ExponentialBackoff,
    *,
    jitter: float,
) -> Circuit:
    """The rest after a failed request; the same object when that failure does not count.

    What was sent before the last counted failure tells of the same trouble, so it does not count again.
    """
    reason = breaker_reason(failure)
    if not reason or started_at < circuit.last_failure_at:
        return circuit
    failures = circuit.failures + 1
    if not circuit.times_opened and failures < FAILURES_TO_OPEN[reason]:
        return Circuit(failures, 0, now, 0.0, reason)
    pause = backoff_policy.wait_seconds(circuit.times_opened + 1) * (0.5 + jitter / 2)
    return Circuit(
        failures, circuit.times_opened + 1, now, now + max(pause, upstream_retry_after(failure) or 0), reason
    )


def circuit_after_response(circuit: Circuit, started_at: float) -> Circuit:
    """The rest after the practice answered: well, unless the request left before the last failure."""
    return circuit if started_at < circuit.last_failure_at else CLOSED


def breaker_reason(failure: Failure) -> str:
    """The code that says the practice is in trouble; empty for a failure that says nothing of it."""
    codes = (failure.kind.code, *(code for system, code in failure.codings if system == ERROR_CODE_SYSTEM))
    return next((code for code in codes if code in FAILURES_TO_OPEN), "")


def practice_responded(failure: Failure) -> bool:
    """Whether a failure shows that the practice answered: it ran the query and refused it."""
    return failure.kind.may_have_run and failure.upstream_response is not None and not breaker_reason(failure)


def upstream_retry_after(failure: Failure) -> int | None:
    """Seconds the upstream itself asked to wait; None where the time is only our advice."""
    named = failure.upstream_response is not None and failure.upstream_response.header("retry-after")
    return failure.retry_after if named or failure.retry_after != failure.kind.retry_after else None
