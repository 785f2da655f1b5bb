"""States and transitions of a circuit (Halo Connect, troubleshooting: double the wait after each failure).

Times are seconds since 1970; `jitter` is a random number from 0 to 1.
"""

import math
from dataclasses import replace
from typing import Final, Literal, NamedTuple

import msgspec

from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest
from gateway.resilience.backoff import ExponentialBackoff

CircuitState = Literal["closed", "open", "half-open"]

CIRCUIT_OPEN: Final = FailureKind(
    "practice-circuit-open",
    503,
    "transient",
    "The gateway has stopped sending requests to this practice after repeated failures (circuit open). This"
    " request was not sent. Retry after the time in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=5,
    may_have_run=False,
)

UPSTREAM_CIRCUIT_OPEN: Final = replace(
    CIRCUIT_OPEN,
    code="upstream-circuit-open",
    text="The gateway has stopped sending requests to this upstream, or to this endpoint of it, after"
    " repeated failures (circuit open). This request was not sent. Retry after the time in Retry-After.",
)

#: Error code -> number of consecutive failures that open the circuit.
FAILURES_TO_OPEN: Final[dict[str, int]] = {
    "practice-offline": 1,
    "practice-unreachable": 1,
    "practice-database-down": 1,
    "upstream-503": 1,
    "practice-connection-lost": 2,
    "upstream-connect": 2,
    "upstream-refused": 2,
    "upstream-connect-timeout": 2,
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

#: Failures that no query can cause. Of SQL, which may wait, lock and select without end, only these are
#: evidence for other callers.
OUTAGES: Final = frozenset(
    {
        *("practice-offline", "practice-unreachable", "practice-database-down", "upstream-503"),
        *("upstream-connect", "upstream-refused", "upstream-connect-timeout"),
    }
)

#: Reasons that the site's status reports: they are over as soon as the status is `online`.
REPORTED_BY_SITE_STATUS: Final = frozenset({"practice-offline", "practice-unreachable"})


class Circuit(msgspec.Struct, frozen=True, array_like=True):
    """Circuit of one site; closed by default.

    `failures` counts consecutive failures, and `times_opened` how often they opened the circuit.
    `last_failure_at` is the time of the last counted failure, and `reason` its error code.
    """

    failures: int = 0
    times_opened: int = 0
    last_failure_at: float = 0.0
    open_until: float = 0.0
    reason: str = ""

    def state(self, now: float) -> CircuitState:
        """State of the circuit; half-open permits one trial request."""
        if not self.times_opened:
            return "closed"
        return "open" if now < self.open_until else "half-open"

    def seconds_until_half_open(self, now: float) -> float:
        """Seconds until the circuit permits a trial request; 0 from then on."""
        return max(0.0, self.open_until - now)


CLOSED: Final = Circuit()


class CircuitNames(NamedTuple):
    """Names of the circuits of a request: of its site, of its caller there, and of the caller's endpoint.

    A practice has no endpoints of its own.
    """

    site: str
    caller: str
    endpoint: str = ""

    def circuit_of_failure(self, failure: Failure, tried: str = "") -> str:
        """Name of the caller's circuit for which a failure counts; `tried` is that of a trial request.

        Only an outage says something about the caller's requests to other endpoints.
        """
        is_of_all = not self.endpoint or breaker_reason(failure) in OUTAGES
        return self.caller if is_of_all or tried == self.caller else self.endpoint


def circuit_after_failure(  # noqa: PLR0913 - what it depends on, each once
    circuit: Circuit,
    failure: Failure,
    started_at: float,
    now: float,
    backoff_policy: ExponentialBackoff,
    *,
    jitter: float,
    opens_at_once: bool = False,
) -> Circuit:
    """Circuit after a failed request; the same object if the failure does not count.

    A request that started before the last counted failure met the same outage, so it does not count again.
    `opens_at_once`: one failure is enough, whatever its code.
    """
    reason = breaker_reason(failure)
    if not reason or started_at < circuit.last_failure_at:
        return circuit
    failures = circuit.failures + 1
    if not circuit.times_opened and not opens_at_once and failures < FAILURES_TO_OPEN[reason]:
        return Circuit(failures, 0, now, 0.0, reason)
    times_opened = circuit.times_opened + 1
    backoff = backoff_policy.wait_seconds(times_opened) * (0.5 + jitter / 2)
    open_until = now + min(backoff_policy.max_seconds, max(backoff, upstream_retry_after(failure) or 0))
    return Circuit(failures, times_opened, now, open_until, reason)


def circuit_after_response(circuit: Circuit, started_at: float) -> Circuit:
    """Circuit after a response: closed, unless the request started before the last counted failure."""
    return circuit if started_at < circuit.last_failure_at else CLOSED


def circuit_open_failure(circuit: Circuit, retry_after: float, kind: FailureKind = CIRCUIT_OPEN) -> Failure:
    """Failure of a request to a site with an open circuit; its second code is the reason."""
    codings = ((ERROR_CODE_SYSTEM, circuit.reason),) if circuit.reason else ()
    seconds = max(1, math.ceil(retry_after))
    return Failure(kind, retry_after=seconds, codings=codings)


def worse_circuit(first: Circuit, second: Circuit | None) -> Circuit:
    """Return the circuit that is open longer, or has more failures; without a second one the first."""
    if second is None:
        return first
    return max(second, first, key=lambda circuit: (circuit.open_until, circuit.failures))


def breaker_reason(failure: Failure) -> str:
    """Error code of the failure that counts for the circuit; empty if none does."""
    return "" if failure.by_clients_sql else _listed_code(failure)


def _listed_code(failure: Failure) -> str:
    codes = (failure.kind.code, *(code for system, code in failure.codings if system == ERROR_CODE_SYSTEM))
    return next((code for code in codes if code in FAILURES_TO_OPEN), "")


def practice_responded(failure: Failure) -> bool:
    """Whether the failure shows that the practice works: it ran the query and refused it.

    An error that broke off a client's SQL shows neither that it works nor that it does not.
    """
    if failure.by_clients_sql and (failure.kind.write_outcome_unknown or _listed_code(failure)):
        return False
    return failure.kind.may_have_run and failure.upstream_response is not None and not breaker_reason(failure)


def shows_an_outage(request: FhirRequest, failure: Failure) -> bool:
    """Whether a failure is evidence for all callers of a practice; the client's SQL may have caused most."""
    return request.interaction.code != "sql" or breaker_reason(failure) in OUTAGES


def shows_an_outage_of_all(request: FhirRequest, failure: Failure) -> bool:
    """Whether a failure is evidence for all callers of an upstream whose callers share no practice."""
    del request
    return breaker_reason(failure) in OUTAGES


def upstream_retry_after(failure: Failure) -> int | None:
    """Wait in seconds that the upstream itself named; None if the time is only the gateway's advice."""
    has_header = failure.upstream_response is not None and failure.upstream_response.header("retry-after")
    return failure.retry_after if has_header or failure.retry_after != failure.kind.retry_after else None
