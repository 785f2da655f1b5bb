"""When and how often a webhook is forwarded to one receiver, and what its status means."""

from typing import Literal

from gateway.webhooks.delivery import Delivery
from gateway.webhooks.signature import signature_of

#: Attempts per webhook, and seconds of each.
MAX_ATTEMPTS = 10
ATTEMPT_SECONDS = 5.0
#: First and longest wait between two attempts, in seconds.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
#: Jitter: a wait is between this share of its length and the whole.
_MIN_SHARE = 0.5
#: Refusals that may end: a timeout of the receiver, and its rate limit.
_REPEATED_STATUSES = frozenset({408, 429})

Verdict = Literal["delivered", "refused", "repeat"]


def verdict_of(status: int | None) -> Verdict:
    """Judge an attempt by the receiver's status; None: there was no response.

    A redirect is a refusal: it is not followed.
    """
    if status is None or status in _REPEATED_STATUSES or status >= 500:  # noqa: PLR2004 - server errors
        return "repeat"
    return "delivered" if 200 <= status < 300 else "refused"  # noqa: PLR2004 - successes


def wait_seconds(attempt: int, chance: float) -> float:
    """Seconds until the next attempt; the first attempt is 1. `chance` is a random number from 0 to 1."""
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(attempt - 1, 20))
    return longest * (_MIN_SHARE + (1 - _MIN_SHARE) * chance)


def own_signature(secret: str, delivery: Delivery, now: float) -> tuple[tuple[str, str], ...]:
    """Header fields of the gateway's own signature of one attempt; none without a secret."""
    if not secret:
        return ()
    timestamp = str(int(now))
    signature = signature_of(secret, delivery.body, timestamp)
    return (("gateway-timestamp", timestamp), ("gateway-signature-256", signature))
