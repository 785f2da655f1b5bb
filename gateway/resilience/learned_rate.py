"""How fast one subscription key may ask, and whose turn it is (API Management's rate-limit-by-key policy).

Times are seconds since 1970, rates are requests per second.
"""

import math
from typing import Final, NamedTuple

import msgspec

#: Networks bunch what left evenly spaced, so the rate is not used to the full.
_USABLE_RATIO: Final = 0.9
_LOWERING_FACTOR: Final = 0.7
_MIN_RATE: Final = 0.2
_RAISING_FACTOR: Final = 1.05
_RAISE_INTERVAL: Final = 60.0
#: Seconds of the shortest slot: shorter ones would only cost look-ups.
_MIN_SLOT_SECONDS: Final = 0.05
#: Keys whose use is remembered.
_MAX_KEYS: Final = 4_096


class LearnedRate(msgspec.Struct, frozen=True, array_like=True):
    """What 429s taught about one key: the rate when it was `lowered`; nothing is sent before `blocked`."""

    rate: float
    lowered_at: float = 0.0
    blocked_until: float = 0.0


class Slot(NamedTuple):
    """A short time in which so many requests may be sent; `ends` is when the next one begins.

    `gap` is how far apart one process sends: the end of one slot is close to the beginning of the next.
    """

    number: int
    max_requests: int
    ends_at: float
    min_interval: float


def effective_rate(learned_rate: LearnedRate | None, ceiling: float | None, now: float) -> float | None:
    """The rate in force: the learned one, raised a little each minute, up to the ceiling; None is unlimited.

    Raised in whole minutes, so that replicas agree on it.
    """
    if learned_rate is None:
        return ceiling
    minutes = max(0, int((now - learned_rate.lowered_at) // _RAISE_INTERVAL))
    raised = learned_rate.rate * _RAISING_FACTOR ** min(minutes, 600)
    return raised if ceiling is None else min(raised, ceiling)


def rate_after_refusal(
    learned_rate: LearnedRate | None, observed_rate: float, started_at: float, now: float, retry_after: float
) -> LearnedRate:
    """The pace after a 429; requests that left before the last lowering do not lower it again.

    `observed` is the rate at which requests were sent lately, `wait` what the upstream asks for.
    """
    blocked = max(now + retry_after, learned_rate.blocked_until if learned_rate else 0.0)
    if learned_rate and started_at < learned_rate.lowered_at:
        return LearnedRate(learned_rate.rate, learned_rate.lowered_at, blocked)
    known = min(observed_rate, effective_rate(learned_rate, None, now) or observed_rate)
    return LearnedRate(max(_MIN_RATE, known * _LOWERING_FACTOR), now, blocked)


def slot_at(now: float, requests_per_second: float) -> Slot:
    """The slot of a moment at this rate; the slots of a second together hold less than the rate."""
    used = requests_per_second * _USABLE_RATIO
    most = max(1, int(used * _MIN_SLOT_SECONDS))
    length = most / used
    number = math.floor(now / length)
    return Slot(number, most, (number + 1) * length, length if most == 1 else 0.0)
