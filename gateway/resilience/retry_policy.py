"""Which failed reads the gateway sends again, and how often: each retry may cost a query.

Changes are never sent again; neither is a query that took too long, nor any 4xx but a 406, which Halo's guide
says to repeat (troubleshooting: the query ran, its result was lost).
"""

from typing import Final, NamedTuple

from gateway.errors.failure import Failure
from gateway.resilience.backoff import _NO_RETRY_LIMIT


class RetryBudgetPolicy(NamedTuple):
    """How many of a site's queries may be retries: a share of the last hour's, and some in any case."""

    ratio: float = 0.05
    min_per_hour: int = 5

    def retries_allowed(self, queries: int) -> int:
        """How many retries stand against that many billed queries."""
        return max(self.min_per_hour, int(queries * self.ratio))

    def permits(self, queries: int, retries: int) -> bool:
        """Whether that many retries stand against that many billed queries."""
        return retries <= self.retries_allowed(queries)


#: Code of a failure -> how often a read is sent again.
RETRIES: Final[dict[str, int]] = {
    "practice-unreachable": _NO_RETRY_LIMIT,
    "practice-offline": _NO_RETRY_LIMIT,
    "upstream-503": _NO_RETRY_LIMIT,
    "practice-result-lost": 1,
    "upstream-connect": 1,
    "proxy-unavailable": 1,
}
#: The same for reads that may have run without a whole answer, where the operator wants that.
RETRIES_AFTER_TIMEOUT: Final[dict[str, int]] = {
    "upstream-timeout": 1,
    "upstream-reset": 1,
    "upstream-not-fhir": 1,
}


def max_retries(failure: Failure, *, retry_on_timeout: bool) -> int:
    """How often a read that failed so may be sent again."""
    table = RETRIES | RETRIES_AFTER_TIMEOUT if retry_on_timeout else RETRIES
    return table.get(failure.kind.code, 0)


def slots_of_last_hour(now: float) -> tuple[int, ...]:
    """The ten-minute slots of the last hour, the current one first."""
    current = int(now // SLOT_SECONDS)
    return tuple(current - back for back in range(6))


SLOT_SECONDS: Final = 600
