"""The last hours of each site in intervals of five minutes: queries, saved queries and failures.

In memory of this process, for pictures: the ledger has the figures of an invoice. Times are in seconds since
1970.
"""

from array import array
from typing import Final, Literal, NamedTuple, get_args

from gateway.ledger.cost import BILLABLE_CLASSES, SAVED_CLASSES, CostClass

#: Length of an interval in seconds, and number of intervals: the last six hours.
INTERVAL_SECONDS: Final = 300
INTERVALS: Final = 72
#: Maximum number of sites; clients make up GUIDs, and sites without a name have no line.
MAX_SITES: Final = 10_000
#: Name of the line with the sum of all sites.
ALL_SITES: Final = ""

Quantity = Literal["queries", "saved", "failures"]
QUANTITIES: Final[tuple[Quantity, ...]] = get_args(Quantity)
_OFFSETS: Final = {name: number for number, name in enumerate(QUANTITIES)}
_CLASS_OFFSETS: Final = {
    **dict.fromkeys(BILLABLE_CLASSES, _OFFSETS["queries"]),
    **dict.fromkeys(SAVED_CLASSES, _OFFSETS["saved"]),
}
_WIDTH: Final = len(QUANTITIES)
#: Largest number of an array of type "I".
_MAX_COUNT: Final = 2**32 - 1
_NO_COUNTS: Final = array("I", bytes(INTERVALS * _WIDTH * array("I").itemsize))


class Interval(NamedTuple):
    """Counts of five minutes from `start` on, in seconds since 1970."""

    start: int
    queries: int
    saved: int
    failures: int


class _Line:
    """Counts of one site: a ring of intervals, of which `newest` is the number of the last one."""

    __slots__ = ("counts", "newest")

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self.counts = _NO_COUNTS[:]

    def add(self, interval: int, offset: int, number: int) -> None:
        """Count in an interval; one that is older than the ring begins it anew: the clock was ahead."""
        if interval > self.newest or not self.contains(interval):
            self._move_to(interval)
        place = interval % INTERVALS * _WIDTH + offset
        self.counts[place] = min(self.counts[place] + number, _MAX_COUNT)

    def read(self, interval: int) -> tuple[int, ...]:
        """Return the counts of an interval; zeros if it is not in the ring."""
        if not self.contains(interval):
            return (0,) * _WIDTH
        place = interval % INTERVALS * _WIDTH
        return tuple(self.counts[place : place + _WIDTH])

    def contains(self, interval: int) -> bool:
        """Whether the ring has the counts of an interval."""
        return self.newest - INTERVALS < interval <= self.newest

    def _move_to(self, interval: int) -> None:
        if abs(interval - self.newest) >= INTERVALS:
            self.counts = _NO_COUNTS[:]
        else:
            for passed in range(self.newest + 1, interval + 1):
                place = passed % INTERVALS * _WIDTH
                self.counts[place : place + _WIDTH] = _NO_COUNTS[:_WIDTH]
        self.newest = interval


class History:
    """Counts of the last hours by site GUID, and of all sites. For the thread of the event loop."""

    def __init__(self) -> None:
        self._all_sites = _Line(0)
        self._lines: dict[str, _Line] = {}
        self._last_sweep = 0

    def count_requests(self, site: str, cost: CostClass, now: float, number: int = 1) -> None:
        """Count requests that were billable or saved; an empty `site` counts for all sites only."""
        offset = _CLASS_OFFSETS.get(cost)
        if offset is not None:
            self._add(site, offset, int(now) // INTERVAL_SECONDS, number)

    def count_failure(self, site: str, now: float) -> None:
        """Count a failed request."""
        self._add(site, _OFFSETS["failures"], int(now) // INTERVAL_SECONDS, 1)

    def intervals(self, site: str, now: float) -> list[Interval]:
        """Return all intervals of a site, the oldest first; of all sites if it is empty."""
        line = self._lines.get(site) if site else self._all_sites
        last = int(now) // INTERVAL_SECONDS
        return [
            Interval(number * INTERVAL_SECONDS, *(line.read(number) if line else (0,) * _WIDTH))
            for number in range(last - INTERVALS + 1, last + 1)
        ]

    def _add(self, site: str, offset: int, interval: int, number: int) -> None:
        self._all_sites.add(interval, offset, number)
        line = self._lines.get(site) if site else None
        if line is None and site:
            line = self._new_line(site, interval)
        if line is not None:
            line.add(interval, offset, number)

    def _new_line(self, site: str, interval: int) -> _Line | None:
        """Return a line for a new site; None if all places are in use."""
        if len(self._lines) >= MAX_SITES:
            self._drop_passed_lines(interval)
        if len(self._lines) >= MAX_SITES:
            return None
        self._lines[site] = line = _Line(interval)
        return line

    def _drop_passed_lines(self, interval: int) -> None:
        """Drop the lines without counts in the last hours, or of a clock ahead; at most once an interval."""
        if interval == self._last_sweep:
            return
        self._last_sweep = interval
        self._lines = {
            site: line for site, line in self._lines.items() if abs(line.newest - interval) < INTERVALS
        }
