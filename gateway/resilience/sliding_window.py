"""Sliding window: requests that may count in the upstream's last second.

A request arrives at some time between sending and response. Counting sent requests is not enough under a
limit per second: after a stall in the network, evenly sent requests arrive together. Times are seconds since
1970.
"""

from collections import deque
from typing import Final, NamedTuple

from gateway.stores.bounded_dict import BoundedDict

#: Seconds after which a request is assumed to have arrived, even without any response.
MAX_ARRIVAL_DELAY: Final = 1.0
#: Seconds after a response within which the requests sent before it arrive: network delays differ.
_JITTER: Final = 0.25
_WINDOW_SECONDS: Final = 1.0
#: Maximum number of keys in memory; the one set the longest ago is dropped first.
_MAX_KEYS: Final = 4_096


class SentRequest(NamedTuple):
    """A request that was sent under a key; numbers rise."""

    key: str
    sent_at: float
    number: int


class SlidingWindow:
    """Requests by key; each counts from its sending until one second after its latest possible arrival."""

    def __init__(self) -> None:
        self._windows = BoundedDict[str, _KeyWindow](_MAX_KEYS)
        self._last_number = 0

    def record_sent(self, key: str, now: float) -> SentRequest:
        """Count a request that is sent now."""
        self._last_number += 1
        sent_request = SentRequest(key, now, self._last_number)
        window = self._windows.get(key) or _KeyWindow()
        window.in_flight[sent_request.number] = now
        self._windows[key] = window
        return sent_request

    def record_response(self, sent_request: SentRequest, now: float) -> None:
        """Note the arrival of a request that has its response, and of all requests sent before it."""
        window = self._windows.get(sent_request.key)
        if window:
            window.record_arrivals(sent_request.number, now)

    def wait_seconds(self, key: str, max_requests: int, now: float) -> float:
        """Seconds until fewer than `max_requests` may count in the upstream's last second; 0 if so now."""
        window = self._windows.get(key)
        return window.wait_seconds(max_requests, now) if window else 0.0


class _KeyWindow:
    """Requests of one key: those in flight with their send times, by number, and the last arrival times."""

    def __init__(self) -> None:
        self.in_flight: dict[int, float] = {}
        self.arrival_times: deque[float] = deque()

    def record_arrivals(self, last_number: int, now: float) -> None:
        for number in [number for number in self.in_flight if number <= last_number]:
            sent_at = self.in_flight.pop(number)
            self.arrival_times.append(now if number == last_number else max(now, sent_at + _JITTER))
        self.discard_expired(now)

    def wait_seconds(self, max_requests: int, now: float) -> float:
        arrived = [number for number, at in self.in_flight.items() if at + MAX_ARRIVAL_DELAY <= now]
        self.arrival_times.extend(self.in_flight.pop(number) + MAX_ARRIVAL_DELAY for number in arrived)
        self.discard_expired(now)
        if len(self.in_flight) + len(self.arrival_times) < max_requests:
            return 0.0
        return self._first_arrival() + _WINDOW_SECONDS - now

    def _first_arrival(self) -> float:
        if self.arrival_times:
            return self.arrival_times[0]
        return next(iter(self.in_flight.values())) + MAX_ARRIVAL_DELAY

    def discard_expired(self, now: float) -> None:
        """Drop the arrivals that are older than the window."""
        while self.arrival_times and self.arrival_times[0] + _WINDOW_SECONDS <= now:
            self.arrival_times.popleft()
