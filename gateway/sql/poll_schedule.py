"""When a query that runs is polled again on the client's behalf, and what its states mean."""

import msgspec

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
        return _decode_query(body).status in _PENDING_STATES
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def next_poll(polls: int, remaining: float, chance: float) -> float | None:
    """Seconds until the next poll, after `polls` of them; None if the rest of the time is too short for one.

    `remaining` are the seconds of the hold that are left, `chance` is a random number from 0 to 1.
    """
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(polls - 1, 10))
    wait = longest * (_MIN_SHARE + (1 - _MIN_SHARE) * chance)
    last = remaining - _LAST_POLL_SECONDS
    if last < _SHORTEST_WAIT:
        return None
    return min(wait, last)
