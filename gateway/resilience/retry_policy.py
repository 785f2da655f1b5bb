"""Which failed reads the gateway sends again, and how often: each retry may cost a query.

Changes are never sent again; neither is a query that took too long, nor any 4xx but a 406, which Halo's guide
says to repeat (troubleshooting: the query ran, its result was lost).
"""

from typing import Final, NamedTuple

from gateway.errors.failure import Failure
from gateway.resilience.backoff import _PATIENT


class Budget(NamedTuple):
    """How many of a site's queries may be retries: a share of the last hour's, and some in any case."""

    share: float = 0.05
    least: int = 5

    def most(self, queries: int) -> int:
        """How many retries stand against that many billed queries."""
        return max(self.least, int(queries * self.share))

    def grants(self, queries: int, retries: int) -> bool:
        """Whether that many retries stand against that many billed queries."""
        return retries <= self.most(queries)


#: Code of a failure -> how often a read is sent again.
AGAIN: Final[dict[str, int]] = {
    "practice-unreachable": _PATIENT,
    "practice-offline": _PATIENT,
    "upstream-503": _PATIENT,
    "practice-result-lost": 1,
    "upstream-connect": 1,
    "proxy-unavailable": 1,
}
#: The same for reads that may have run without a whole answer, where the operator wants that.
UNANSWERED: Final[dict[str, int]] = {
    "upstream-timeout": 1,
    "upstream-reset": 1,
    "upstream-not-fhir": 1,
}


def allowed(failure: Failure, *, unanswered: bool) -> int:
    """How often a read that failed so may be sent again."""
    table = AGAIN | UNANSWERED if unanswered else AGAIN
    return table.get(failure.kind.code, 0)


def slots(now: float) -> tuple[int, ...]:
    """The ten-minute slots of the last hour, the current one first."""
    current = int(now // SLOT)
    return tuple(current - back for back in range(6))


SLOT: Final = 600
