"""How long to leave one site alone, and why (Halo Connect, troubleshooting: double after each failure).

Times are seconds since 1970; `chance` is a random number from 0 to 1.
"""

from typing import Final, Literal

import msgspec

from gateway.errors.failure import Failure, Kind, Repeat
from gateway.errors.operation_outcome import CODE_SYSTEM
from gateway.resilience.backoff import Doubling

State = Literal["well", "resting", "half-open"]

RESTING: Final = Kind(
    "practice-resting",
    503,
    "transient",
    "The practice has failed repeatedly and is left alone for a while; this request was not sent to it. Try"
    " again after Retry-After.",
    repeat=Repeat.YES,
    retry_after=5,
    sent=False,
)

#: Code of a failure -> how many in a row make a site rest.
RESTS_AFTER: Final[dict[str, int]] = {
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
SEEN_IN_STATUS: Final = frozenset({"practice-offline", "practice-unreachable"})


class Rest(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one site's trouble; the default is a site that is well.

    `failures` counts those in a row, `rests` the pauses they led to; `counted` is when the last failure was
    counted, `until` when the pause is over, `reason` the failure's code.
    """

    failures: int = 0
    rests: int = 0
    counted: float = 0.0
    until: float = 0.0
    reason: str = ""

    def state(self, now: float) -> State:
        """Whether the site may be asked: freely, not at all, or by one request that decides."""
        if not self.rests:
            return "well"
        return "resting" if now < self.until else "half-open"

    def left(self, now: float) -> float:
        """Seconds until the pause is over."""
        return max(0.0, self.until - now)


WELL: Final = Rest()


def after_failure(
    rest: Rest, failure: Failure, started: float, now: float, doubling: Doubling, *, chance: float
) -> Rest:
    """The rest after a failed request; the same object when that failure does not count.

    What was sent before the last counted failure tells of the same trouble, so it does not count again.
    """
    reason = cause(failure)
    if not reason or started < rest.counted:
        return rest
    failures = rest.failures + 1
    if not rest.rests and failures < RESTS_AFTER[reason]:
        return Rest(failures, 0, now, 0.0, reason)
    pause = doubling.wait(rest.rests + 1) * (0.5 + chance / 2)
    return Rest(failures, rest.rests + 1, now, now + max(pause, wait_asked(failure) or 0), reason)


def after_answer(rest: Rest, started: float) -> Rest:
    """The rest after the practice answered: well, unless the request left before the last failure."""
    return rest if started < rest.counted else WELL


def cause(failure: Failure) -> str:
    """The code that says the practice is in trouble; empty for a failure that says nothing of it."""
    codes = (failure.kind.code, *(code for system, code in failure.codings if system == CODE_SYSTEM))
    return next((code for code in codes if code in RESTS_AFTER), "")


def answered(failure: Failure) -> bool:
    """Whether a failure shows that the practice answered: it ran the query and refused it."""
    return failure.kind.sent and failure.received is not None and not cause(failure)


def wait_asked(failure: Failure) -> int | None:
    """Seconds the upstream itself asked to wait; None where the time is only our advice."""
    named = failure.received is not None and failure.received.header("retry-after")
    return failure.retry_after if named or failure.retry_after != failure.kind.retry_after else None
