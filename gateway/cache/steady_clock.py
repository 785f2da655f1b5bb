"""Clock of the cache: it follows the clock of the computer, but never goes back."""

from collections.abc import Callable
from datetime import datetime, timedelta


class SteadyClock:
    """Time by `now`; after that was set back, by `monotonic` (seconds), until `now` has caught up.

    Otherwise a response would stay fresh for as long as the clock was set back.
    """

    def __init__(self, now: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._now = now
        self._monotonic = monotonic
        self._latest, self._tick = now(), monotonic()

    def __call__(self) -> datetime:
        """Return a time at or after the last one."""
        now, tick = self._now(), self._monotonic()
        self._latest = max(now, self._latest + timedelta(seconds=tick - self._tick))
        self._tick = tick
        return self._latest
