"""Retry policy: the failures after which a read is sent again, and how often. Each retry may cost a query.

Writes are never sent again, except a POST with an idempotency key; nor are queries that took too long, nor
any 4xx but 406, which Halo's guide says to repeat (troubleshooting: the query ran, its result was lost).
"""

from typing import Final, NamedTuple

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM

#: No limit in practice: the deadline of the request and the retry budget end the retries earlier.
NO_RETRY_LIMIT: Final = 20
SLOT_SECONDS: Final = 600


class RetryBudgetPolicy(NamedTuple):
    """Retries permitted to a caller at a site per hour: a share of its queries, and a minimum number."""

    ratio: float = 0.05
    min_per_hour: int = 5

    def retries_allowed(self, queries: int) -> int:
        """Maximum number of retries for a number of billed queries."""
        return max(self.min_per_hour, int(queries * self.ratio))

    def permits(self, queries: int, retries: int) -> bool:
        """Whether a number of retries is within the budget for a number of billed queries."""
        return retries <= self.retries_allowed(queries)


#: Error code -> maximum number of retries of a read.
RETRIES: Final[dict[str, int]] = {
    "practice-unreachable": NO_RETRY_LIMIT,
    "practice-offline": NO_RETRY_LIMIT,
    "upstream-503": NO_RETRY_LIMIT,
    "practice-result-lost": 1,
    "upstream-connect": 1,
    "upstream-refused": 1,
    "upstream-connect-timeout": 1,
    "proxy-unavailable": 1,
}
#: Further retries if `retry.retry_on_timeout` is set: reads that may have run without a complete response.
RETRIES_AFTER_TIMEOUT: Final[dict[str, int]] = {
    "upstream-timeout": 1,
    "upstream-reset": 1,
    "upstream-not-fhir": 1,
}


#: Codes of a failed POST with an idempotency key that is sent once more, with the same key: the upstream did
#: not run it, or recognises it.
REPEATED_WITH_KEY: Final = frozenset(
    {
        *("upstream-502", "upstream-503", "upstream-reset", "upstream-timeout"),
        *("upstream-connect", "upstream-refused", "upstream-connect-timeout", "proxy-unavailable"),
    }
)


def max_repeats_with_key(failure: Failure) -> int:
    """Maximum number of repeats of a POST with an idempotency key after this failure: one, or none."""
    codes = {failure.kind.code, *(code for system, code in failure.codings if system == ERROR_CODE_SYSTEM)}
    return 0 if codes.isdisjoint(REPEATED_WITH_KEY) else 1


def max_retries(failure: Failure, *, retry_on_timeout: bool) -> int:
    """Maximum number of retries of a read after this failure."""
    table = RETRIES | RETRIES_AFTER_TIMEOUT if retry_on_timeout else RETRIES
    return table.get(failure.kind.code, 0)


def slot_at(now: float) -> int:
    """Return the number of the ten-minute slot of a time."""
    return int(now // SLOT_SECONDS)


def slots_of_last_hour(now: float) -> tuple[int, ...]:
    """Numbers of the ten-minute slots of the last hour, the current slot first."""
    current = slot_at(now)
    return tuple(current - offset for offset in range(6))
