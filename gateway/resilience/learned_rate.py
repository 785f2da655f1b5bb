"""How fast one subscription key may ask, and whose turn it is (API Management's rate-limit-by-key policy).

Times are seconds since 1970, rates are requests per second.
"""

import math
from collections import deque
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from cachetools import LRUCache

T = TypeVar("T")

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


class Claimant(NamedTuple):
    """Who wants a turn: the key whose rate it uses, the caller it is fair to, and whether it can wait."""

    key: str
    caller: str = ""
    batch: bool = False


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


class Sent:
    """How many requests each key sent in this second and in the one before, and when the last."""

    def __init__(self) -> None:
        self._counts: LRUCache[str, tuple[float, int, int]] = LRUCache(_KEYS)

    def add(self, key: str, now: float) -> None:
        """Count one; the keys that were used longest ago are forgotten."""
        last, count, previous = self._counts.get(key, (now, 0, 0))
        seconds = int(now) - int(last)
        self._counts[key] = (now, count + 1, previous) if not seconds else (now, 1, count * (seconds == 1))

    def observed(self, key: str) -> float:
        """Requests per second at which a key was used last; at least 1."""
        _, count, previous = self._counts.get(key, (0.0, 1, 0))
        return float(max(1, count, previous))

    def keys(self) -> tuple[str, ...]:
        """The keys that were used lately."""
        return tuple(self._counts)

    def last(self, key: str) -> float:
        """When a key was used last; 0 when that is forgotten."""
        return self._counts.get(key, (0.0, 0, 0))[0]


class Turns(Generic[T]):
    """Who waits, in the order they are served: interactive before batch, then each caller in turn."""

    def __init__(self) -> None:
        self._lines: dict[bool, dict[str, deque[T]]] = {False: {}, True: {}}

    def __len__(self) -> int:
        return sum(len(line) for lines in self._lines.values() for line in lines.values())

    def add(self, claimant: Claimant, item: T) -> None:
        """Let one wait."""
        self._lines[claimant.batch].setdefault(claimant.caller, deque()).append(item)

    def take(self) -> T:
        """The next one, who waits no longer. Raises LookupError when nobody waits."""
        lines = self._lines[False] or self._lines[True]
        caller = next(iter(lines), None)
        if caller is None:
            raise LookupError
        line = lines.pop(caller)
        item = line.popleft()
        if line:
            lines[caller] = line
        return item

    def drop(self, claimant: Claimant, item: T) -> None:
        """Let one go who gave up."""
        lines = self._lines[claimant.batch]
        line = lines.get(claimant.caller, deque())
        if item in line:
            line.remove(item)
        if not line:
            lines.pop(claimant.caller, None)
