"""Rates over minutes: at most so many requests of a caller in any period, as a vendor documents them.

Requests are counted in slots of a sixtieth of the period. A slot counts until its last moment has left the
period, so that the count is never too low. Times are seconds since 1970.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues
from gateway.upstreams.limits import RateWindow

_SLOTS: Final = 60
#: Least wait in seconds: the end of a slot may be nearer than a clock can show.
_MIN_WAIT: Final = 0.001

#: Numbers of requests by slot, for each window.
SlotCounts = Mapping[int, int]


def window_wait(counts: SlotCounts, window: RateWindow, now: float) -> float:
    """Seconds until a window permits one more request; 0 if it does now."""
    current = _counts_in_period(counts, window, now)
    excess = sum(current.values()) - window.requests
    for slot in sorted(current):
        if excess < 0:
            return 0.0
        excess -= current[slot]
        if excess < 0:
            end = (slot + 1) * _slot_seconds(window) + window.seconds
            return max(_MIN_WAIT, end - now)
    return 0.0


def with_request(counts: SlotCounts, window: RateWindow, now: float) -> dict[int, int]:
    """Return the counts with a request that is sent now, without the slots before the period."""
    current, slot = _counts_in_period(counts, window, now), _slot_at(window, now)
    return current | {slot: current.get(slot, 0) + 1}


def _counts_in_period(counts: SlotCounts, window: RateWindow, now: float) -> dict[int, int]:
    first = _slot_at(window, now - window.seconds)
    return {slot: count for slot, count in counts.items() if slot >= first}


def _slot_at(window: RateWindow, time: float) -> int:
    return math.floor(time / _slot_seconds(window))


def _slot_seconds(window: RateWindow) -> float:
    return window.seconds / _SLOTS


class RateWindows:
    """Requests of each caller in every window, shared through the store."""

    def __init__(self, store: Store, clock: Callable[[], float], windows: Sequence[RateWindow]) -> None:
        self._windows = windows
        self._clock = clock
        self._counts = ReplicatedValues(
            store,
            tuple[dict[int, int], ...],
            "windows:",
            clock,
            lifetime=2 * max(window.seconds for window in windows),
        )

    async def wait_seconds(self, key: str) -> float:
        """Seconds until all windows permit a request of a caller."""
        return self._wait(await self._counts.get(key), self._clock())

    async def take(self, key: str) -> float:
        """Count a request if all windows permit it now; return the seconds to wait, 0 if it is counted."""
        if wait := await self.wait_seconds(key):  # requests only add up: no need to ask the store
            return wait
        now, wait = self._clock(), 0.0

        def count(stored: tuple[dict[int, int], ...] | None) -> tuple[dict[int, int], ...] | None:
            nonlocal wait
            wait = self._wait(stored, now)
            return stored if wait else self._with_request(stored, now)

        await self._counts.update(key, count)
        return wait

    def _wait(self, counts: Sequence[SlotCounts] | None, now: float) -> float:
        pairs = zip(counts or (), self._windows, strict=False)
        return max((window_wait(each, window, now) for each, window in pairs), default=0.0)

    def _with_request(self, counts: Sequence[SlotCounts] | None, now: float) -> tuple[dict[int, int], ...]:
        known = counts if counts and len(counts) == len(self._windows) else ({},) * len(self._windows)
        return tuple(
            with_request(each, window, now) for each, window in zip(known, self._windows, strict=True)
        )
