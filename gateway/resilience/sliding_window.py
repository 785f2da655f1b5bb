"""What an upstream's last second may hold: requests arrive some time between being sent and being answered.

Counting what was sent is not enough under a limit per second: a stall on the way makes what left evenly
arrive at once. Times are seconds since 1970.
"""

from collections import deque
from typing import Final, NamedTuple

from cachetools import LRUCache

#: Seconds after which a request has arrived even if nothing at all is answered.
BELATED: Final = 1.0
#: Seconds by which ways differ: an answer shows that what left before it arrives within this time.
_JITTER: Final = 0.25
_WINDOW: Final = 1.0
#: Keys that are remembered; the one used longest ago goes first.
_KEYS: Final = 4_096


class Departure(NamedTuple):
    """A request that left under a key."""

    key: str
    at: float
    number: int


class Arrivals:
    """Requests by key, each counted from when it left until a second after it must have arrived."""

    def __init__(self) -> None:
        self._keys: LRUCache[str, _Second] = LRUCache(_KEYS)
        self._number = 0

    def left(self, key: str, now: float) -> Departure:
        """Count a request that leaves now."""
        self._number += 1
        departure = Departure(key, now, self._number)
        second = self._keys.get(key) or _Second()
        second.under_way[departure.number] = now
        self._keys[key] = second
        return departure

    def answered(self, departure: Departure, now: float) -> None:
        """Its answer is there: it arrived before, and what had left before it has as good as arrived, too."""
        second = self._keys.get(departure.key)
        if second:
            second.arrive(departure.number, now)

    def wait(self, key: str, most: int, now: float) -> float:
        """Seconds until fewer than `most` may be in the upstream's last second; 0 when that is so now."""
        second = self._keys.get(key)
        return second.wait(most, now) if second else 0.0


class _Second:
    """The requests of one key: under way by number, and when the others arrived."""

    def __init__(self) -> None:
        self.under_way: dict[int, float] = {}
        self.arrived: deque[float] = deque()

    def arrive(self, last: int, now: float) -> None:
        for number in [each for each in self.under_way if each <= last]:
            left = self.under_way.pop(number)
            self.arrived.append(now if number == last else max(now, left + _JITTER))
        self.forget(now)

    def wait(self, most: int, now: float) -> float:
        for number in [each for each, at in self.under_way.items() if at + BELATED <= now]:
            self.arrived.append(self.under_way.pop(number) + BELATED)
        self.forget(now)
        if len(self.under_way) + len(self.arrived) < most:
            return 0.0
        first = self.arrived[0] if self.arrived else next(iter(self.under_way.values())) + BELATED
        return first + _WINDOW - now

    def forget(self, now: float) -> None:
        """What arrived before the last second."""
        while self.arrived and self.arrived[0] + _WINDOW <= now:
            self.arrived.popleft()
