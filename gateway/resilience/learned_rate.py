"""Rate limit of a subscription key, learned from 429 responses (API Management, policy rate-limit-by-key).

Times are seconds since 1970, rates are requests per second.
"""

import math
from typing import Final, NamedTuple

import msgspec

#: Share of the rate that is used: the network bunches requests that were sent evenly.
_USABLE_RATIO: Final = 0.9
_LOWERING_FACTOR: Final = 0.7
_MIN_RATE: Final = 0.2
_RAISING_FACTOR: Final = 1.05
_RAISE_INTERVAL: Final = 60.0
#: Minimum length of a slot in seconds: shorter slots only cost reads of the store.
_MIN_SLOT_SECONDS: Final = 0.05


class LearnedRate(msgspec.Struct, frozen=True, array_like=True):
    """Rate of one key at the time `lowered_at`; no request is sent before `blocked_until`.

    The rate is infinite if no 429 has lowered it.
    """

    rate: float
    lowered_at: float = 0.0
    blocked_until: float = 0.0


class Slot(NamedTuple):
    """A short period in which at most `max_requests` may be sent; the next slot begins at `ends_at`.

    Each process sends at least `min_interval` seconds apart, because a slot ends where the next one begins.
    """

    number: int
    max_requests: int
    ends_at: float
    min_interval: float


def effective_rate(learned_rate: LearnedRate | None, ceiling: float | None, now: float) -> float | None:
    """Rate in effect: the learned rate, raised by 5 % each minute, up to the ceiling; None is unlimited.

    Only whole minutes count, so that replicas compute the same rate.
    """
    if learned_rate is None or learned_rate.rate == math.inf:
        return ceiling
    minutes = max(0, int((now - learned_rate.lowered_at) // _RAISE_INTERVAL))
    raised = learned_rate.rate * _RAISING_FACTOR ** min(minutes, 600)
    return raised if ceiling is None else min(raised, ceiling)


def rate_after_refusal(
    learned_rate: LearnedRate | None, observed_rate: float, started_at: float, now: float, retry_after: float
) -> LearnedRate:
    """Learned rate after a 429; a request that started before the last lowering does not lower it again.

    `observed_rate` is the rate of the most recent requests, `retry_after` the upstream's, in seconds.
    """
    blocked = max(now + retry_after, learned_rate.blocked_until if learned_rate else 0.0)
    if learned_rate and started_at < learned_rate.lowered_at:
        return LearnedRate(learned_rate.rate, learned_rate.lowered_at, blocked)
    current_rate = min(observed_rate, effective_rate(learned_rate, None, now) or observed_rate)
    return LearnedRate(max(_MIN_RATE, current_rate * _LOWERING_FACTOR), now, blocked)


def held_rate(learned_rate: LearnedRate | None, now: float, seconds: float) -> LearnedRate:
    """Return a rate that is blocked for at least some seconds, and otherwise as it was."""
    before = learned_rate or LearnedRate(math.inf)
    since = now if before.rate == math.inf else before.lowered_at
    return LearnedRate(before.rate, since, max(now + seconds, before.blocked_until))


def slot_at(now: float, requests_per_second: float) -> Slot:
    """Slot of a time at this rate; all slots of one second together permit less than the rate."""
    usable_rate = requests_per_second * _USABLE_RATIO
    max_requests = max(1, int(usable_rate * _MIN_SLOT_SECONDS))
    length = max_requests / usable_rate
    number = math.floor(now / length)
    return Slot(number, max_requests, (number + 1) * length, length if max_requests == 1 else 0.0)
