"""When a query that runs is polled again on the client's behalf, and what its states and failures mean."""

import msgspec

from gateway.errors.failure import Failure, RetryAdvice
from gateway.fhir.raw_json import decode_readable

#: Maximum time that a poll is held open, in seconds (`Prefer: wait=N`).
MAX_HELD_SECONDS = 30
#: States in which a query is not final (OpenAPI 26.619); an unknown state is shown to the client at once.
_PENDING_STATES = frozenset({"initialising", "queued", "executing", "uploading"})
#: Maximum size of a query without its result, in bytes; anything larger is no state to wait for.
_MAX_STATE_BYTES = 1_000_000
#: First and longest wait between two polls, in seconds; the wait doubles from one to the other.
_FIRST_WAIT, _LONGEST_WAIT = 0.35, 5.0
#: Seconds before the end at which the last poll is sent, so that the answer at the end is a new one.
_LAST_POLL_SECONDS = 0.5
#: Shortest wait before the last poll, in seconds: without time for it, the last answer is new enough.
_SHORTEST_WAIT = 0.1
#: Jitter: a wait is between this share of its length and the whole.
_MIN_SHARE = 0.7
#: Failures of Halo Cloud or on the way to it, which say nothing of the query. A state or a refusal does.
_PASSING_CODES = frozenset(
    {
        *("rate-limited", "upstream-500", "upstream-502", "upstream-503", "upstream-5xx"),
        *("upstream-reset", "upstream-timeout"),
    }
)


class _Query(msgspec.Struct):
    status: str = ""


_decode_query = msgspec.json.Decoder(_Query).decode


def held_seconds(preferred: int | None) -> int:
    """Seconds for which a poll is held open; 0 without a preference."""
    return min(preferred or 0, MAX_HELD_SECONDS)


def is_pending(body: bytes) -> bool:
    """Whether the body of a query, as Halo sent it, names a state that is not final."""
    if len(body) > _MAX_STATE_BYTES:
        return False
    try:
        return decode_readable(body, _decode_query).status in _PENDING_STATES
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def is_unsent(failure: Failure | None) -> bool:
    """Whether a poll failed before the upstream got it, such as one that waited too long for its turn."""
    return failure is not None and not failure.kind.may_have_run and failure.upstream_response is None


def is_passing(failure: Failure) -> bool:
    """Whether a failed poll says nothing of the query, so that the next one may succeed."""
    says_nothing = is_unsent(failure) or failure.kind.code in _PASSING_CODES
    return says_nothing and failure.kind.retry_advice is RetryAdvice.YES


def pause_after(failure: Failure | None) -> int:
    """Seconds before the next poll that the upstream wants; the gateway's own handlers see to theirs."""
    return 0 if failure is None or is_unsent(failure) else failure.retry_after or 0


def next_poll(polls: int, remaining: float, chance: float, pause: float = 0.0) -> float | None:
    """Seconds until the next poll, after `polls` of them; None if the rest of the time is too short for one.

    `remaining` are the seconds of the hold that are left, `chance` is a random number from 0 to 1, `pause`
    are the seconds to wait at least.
    """
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(polls - 1, 10))
    wait = max(longest * (_MIN_SHARE + (1 - _MIN_SHARE) * chance), pause)
    last = remaining - _LAST_POLL_SECONDS
    return None if last < max(_SHORTEST_WAIT, pause) else min(wait, last)
