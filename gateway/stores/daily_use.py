"""What each capped site has used today, in memory: for forecasts, warnings and the stop of batch work."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

import structlog

from gateway.core.caps import THRESHOLDS, Cap, Use, forecast, midnight, share
from gateway.core.cost import PAID, Cost, Row, Subject

_log = structlog.get_logger()
#: The pace is that of the last hour, read off marks that are this far apart.
_HOUR = timedelta(hours=1)
_STEP = timedelta(minutes=5)


class Standing(NamedTuple):
    """How a site stands today against its caps.

    `hour` is the one, in the site's zone, in which the first will be reached; None if not today.
    """

    site: str
    name: str
    cap: Cap
    use: Use
    hour: datetime | None


@dataclass
class _Day:
    """One site's day until its midnight."""

    subject: Subject
    cap: Cap
    until: datetime
    use: Use
    marks: deque[Use] = field(default_factory=deque)
    said: set[str] = field(default_factory=set)

    def add(self, now: datetime, queries: int, octets: int) -> None:
        if not self.marks or now - self.marks[-1].at >= _STEP:
            self.marks.append(replace(self.use, at=now))
        while len(self.marks) > 1 and now - self.marks[0].at > _HOUR:
            self.marks.popleft()
        self.use = Use(now, self.use.queries + queries, self.use.octets + octets)

    def hour(self, now: datetime) -> datetime | None:
        earlier = self.marks[0] if self.marks else self.use
        found = forecast(self.cap, earlier, replace(self.use, at=now), self.until)
        return found and found.astimezone(self.subject.zone).replace(minute=0, second=0, microsecond=0)


class DailyUse:
    """Use by site; a site without caps is not kept."""

    def __init__(self, caps: Callable[[str], Cap | None]) -> None:
        self._caps = cache(caps)
        self._days: dict[str, _Day] = {}
        self._before: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, subject: Subject, cost: Cost, octets: int, now: datetime) -> None:
        """Count what was, or may have been, paid; log a cap that is near or reached, once a day each."""
        day = self._day(subject, now) if cost in PAID else None
        if day is not None:
            day.add(now, 1, octets)
            _warn(day, now)

    def stops(self, subject: Subject, now: datetime) -> bool:
        """Whether a site's cap is used up and its rest kept from batch callers."""
        day = self._day(subject, now) if subject.batch else None
        return day is not None and day.cap.stops_batch and share(day.cap, day.use) >= 1

    def restore(self, rows: Iterable[Row]) -> None:
        """Go on from what the ledger holds: each site's day starts with what was paid on it."""
        for row in rows:
            key = row.line.site, row.line.day
            queries, octets = self._before.get(key, (0, 0))
            if row.line.cost in PAID:
                self._before[key] = queries + row.queries, octets + row.octets

    def standings(self, now: datetime) -> list[Standing]:
        """Every capped site that was used today."""
        return [
            Standing(site, day.subject.name, day.cap, day.use, day.hour(now))
            for site, day in self._days.items()
            if now < day.until
        ]

    def _day(self, subject: Subject, now: datetime) -> _Day | None:
        found = self._days.get(subject.site)
        if found is not None and now < found.until:
            return found
        cap = self._caps(subject.site)
        if cap is None:
            return None
        before = self._before.pop((subject.site, subject.line(Cost.BILLED, now).day), (0, 0))
        found = _Day(subject, cap, midnight(now, subject.zone), Use(now, *before))
        self._days[subject.site] = found
        return found


def _warn(day: _Day, now: datetime) -> None:
    used = share(day.cap, day.use)
    for least, event in THRESHOLDS:
        if used >= least and event not in day.said:
            day.said.add(event)
            hour = day.hour(now)
            _log.warning(
                event,
                site=day.subject.name,
                queries=day.use.queries,
                bytes=day.use.octets,
                reached_in_hour=hour.isoformat() if hour else "not today",
            )
