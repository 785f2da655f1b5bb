"""What an upstream's last second may hold: requests arrive some time between being sent and being answered.

Counting what was sent is not enough under a limit per second: a stall on the way makes what left evenly
arrive at once. Times are seconds since 1970.
"""

from collections import deque
from typing import Final, NamedTuple

from cachetools import LRUCache

#: Seconds after which a request has arrived even if nothing at all is answered.
MAX_ARRIVAL_DELAY: Final = 1.0
#: Seconds by which ways differ: an answer shows that what left before it arrives within this time.
_JITTER: Final = 0.25
_WINDOW_SECONDS: Final = 1.0
#: Keys that are remembered; the one used longest ago goes first.
_MAX_KEYS: Final = 4_096


class SentRequest(NamedTuple):
    """A request that left under a key."""

    key: str
    sent_at: float
    number: int


class SlidingWindow:
    """Requests by key, each counted from when it left until a second after it must have arrived."""

    def __init__(self) -> None:
        self._windows: LRUCache[str, _KeyWindow] = LRUCache(_MAX_KEYS)
        self._last_number = 0

    def record_sent(self, key: str, now: float) -> SentRequest:
        """Count a request that leaves now."""
        self._last_number += 1
        departure = SentRequest(key, now, self._last_number)
        second = self._windows.get(key) or _KeyWindow()
        second.in_flight[departure.number] = now
        self._windows[key] = second
        return departure

    def record_response(self, sent_request: SentRequest, now: float) -> None:
        """Its answer is there: it arrived before, and what had left before it has as good as arrived, too."""
        second = self._windows.get(sent_request.key)
        if second:
            second.record_arrivals(sent_request.number, now)

    def wait_seconds(self, key: str, max_requests: int, now: float) -> float:
        """Seconds until fewer than `most` may be in the upstream's last second; 0 when that is so now."""
        second = self._windows.get(key)
        return second.wait_seconds(max_requests, now) if second else 0.0


class _KeyWindow:
    """The requests of one key: under way by number, and when the others arrived."""

    def __init__(self) -> None:
        self.in_flight: dict[int, float] = {}
        self.arrival_times: deque[float] = deque()

    def record_arrivals(self, last_number: int, now: float) -> None:
        for number in [each for each in self.in_flight if each <= last_number]:
            left = self.in_flight.pop(number)
            self.arrival_times.append(now if number == last_number else max(now, left + _JITTER))
        self.discard_expired(now)

    def wait_seconds(self, max_requests: int, now: float) -> float:
        for number in [each for each, at in self.in_flight.items() if at + MAX_ARRIVAL_DELAY <= now]:
            self.arrival_times.append(self.in_flight.pop(number) + MAX_ARRIVAL_DELAY)
        self.discard_expired(now)
        if len(self.in_flight) + len(self.arrival_times) < max_requests:
            return 0.0
        first = (
            self.arrival_times[0]
            if self.arrival_times
            else next(iter(self.in_flight.values())) + MAX_ARRIVAL_DELAY
        )
        return first + _WINDOW_SECONDS - now

    def discard_expired(self, now: float) -> None:
        """What arrived before the last second."""
        while self.arrival_times and self.arrival_times[0] + _WINDOW_SECONDS <= now:
            self.arrival_times.popleft()
