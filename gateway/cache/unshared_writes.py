"""Writes that the shared store does not count yet, by time: what was requested before them is not served."""

from collections.abc import Iterable
from math import inf
from typing import Final

#: Tag of all writes at a site.
SITE_WIDE: Final = "all"
#: Seconds by which the clocks of replicas may differ.
CLOCK_SKEW_SECONDS: Final = 1.0


class UnsharedWrites:
    """Times (seconds since 1970) by site and tag; more than `max_times` end whatever was requested before."""

    def __init__(self, max_times: int) -> None:
        self._max_times = max_times
        self._times: dict[tuple[str, str], float] = {}
        self._everywhere = -inf

    def __len__(self) -> int:
        return len(self._times)

    def note(self, site: str, tags: Iterable[str], time: float) -> None:
        """Note a write at a time."""
        for tag in tags:
            self._times[site, tag] = time
        if len(self._times) > self._max_times:
            self.note_everywhere(time)

    def note_everywhere(self, time: float) -> None:
        """Note that there may have been any write up to a time."""
        self._everywhere = max(self._everywhere, time, *self._times.values())
        self._times.clear()

    def last_time(self, site: str, tags: Iterable[str]) -> float:
        """Return when a response with these tags was last invalidated: one requested later is right."""
        if not self._times:
            return self._everywhere
        own_tags = [tag for tag in tags if tag != SITE_WIDE] or [SITE_WIDE]
        return max(self._everywhere, *(self._times.get((site, tag), -inf) for tag in own_tags))
