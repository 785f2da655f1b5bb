"""How fast one subscription key may ask, and whose turn it is (API Management's rate-limit-by-key policy).

Times are seconds since 1970, rates are requests per second.
"""

import math
from typing import Final, NamedTuple

import msgspec

#: Networks bunch what left evenly spaced, so the rate is not used to the full.
_HEADROOM: Final = 0.9
_LOWERING: Final = 0.7
_LOWEST: Final = 0.2
_RAISING: Final = 1.05
_RAISED_EVERY: Final = 60.0
#: Seconds of the shortest slot: shorter ones would only cost look-ups.
_SHORTEST: Final = 0.05
#: Keys whose use is remembered.
_KEYS: Final = 4_096


class Pace(msgspec.Struct, frozen=True, array_like=True):
    """What 429s taught about one key: the rate when it was `lowered`; nothing is sent before `blocked`."""

    rate: float
    lowered: float = 0.0
    blocked: float = 0.0


class Slot(NamedTuple):
    """A short time in which so many requests may be sent; `ends` is when the next one begins.

    `gap` is how far apart one process sends: the end of one slot is close to the beginning of the next.
    """

    number: int
    most: int
    ends: float
    gap: float


def rate(pace: Pace | None, ceiling: float | None, now: float) -> float | None:
    """The rate in force: the learned one, raised a little each minute, up to the ceiling; None is unlimited.

    Raised in whole minutes, so that replicas agree on it.
    """
    if pace is None:
        return ceiling
    minutes = max(0, int((now - pace.lowered) // _RAISED_EVERY))
    raised = pace.rate * _RAISING ** min(minutes, 600)
    return raised if ceiling is None else min(raised, ceiling)


def after_refusal(pace: Pace | None, observed: float, started: float, now: float, wait: float) -> Pace:
    """The pace after a 429; requests that left before the last lowering do not lower it again.

    `observed` is the rate at which requests were sent lately, `wait` what the upstream asks for.
    """
    blocked = max(now + wait, pace.blocked if pace else 0.0)
    if pace and started < pace.lowered:
        return Pace(pace.rate, pace.lowered, blocked)
    known = min(observed, rate(pace, None, now) or observed)
    return Pace(max(_LOWEST, known * _LOWERING), now, blocked)


def slot(now: float, per_second: float) -> Slot:
    """The slot of a moment at this rate; the slots of a second together hold less than the rate."""
    used = per_second * _HEADROOM
    most = max(1, int(used * _SHORTEST))
    length = most / used
    number = math.floor(now / length)
    return Slot(number, most, (number + 1) * length, length if most == 1 else 0.0)
