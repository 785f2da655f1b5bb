"""What each capped site has used today, in memory: for forecasts, warnings and the stop of batch work.

What this process counts is there at once, what others paid as soon as the ledger tells.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from threading import RLock
from typing import NamedTuple

import structlog

from gateway.exchange import Site
from gateway.ledger.caps import THRESHOLDS, Cap, Use, forecast, midnight, paced, share
from gateway.ledger.cost import PAID, Cost, Subject
from gateway.ledger.counts import Paid

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
    """One site's day until its midnight: what was counted here, and what others paid."""

    subject: Subject
    key: tuple[str, str]
    cap: Cap
    until: datetime
    use: Use
    others: tuple[int, int]
    marks: deque[Use] = field(default_factory=deque)
    said: set[str] = field(default_factory=set)

    def add(self, now: datetime, queries: int, octets: int) -> None:
        if not self.marks or now - self.marks[-1].at >= _STEP:
            self.marks.append(replace(self.use, at=now))
        while len(self.marks) > 1 and now - self.marks[0].at > _HOUR:
            self.marks.popleft()
        self.use = Use(now, self.use.queries + queries, self.use.octets + octets)

    def told(self, now: datetime, others: tuple[int, int]) -> None:
        more = others[0] - self.others[0], others[1] - self.others[1]
        self.others = others
        if any(more):
            self.add(now, *more)

    @property
    def earlier(self) -> Use:
        return self.marks[0] if self.marks else self.use

    def forecast(self, now: datetime) -> str:
        """The hour in words for the log."""
        hour = self.hour(now)
        known = hour or paced(self.earlier, replace(self.use, at=now))
        return hour.isoformat() if hour else "not today" if known else "not known yet"

    def hour(self, now: datetime) -> datetime | None:
        found = forecast(self.cap, self.earlier, replace(self.use, at=now), self.until)
        return found and found.astimezone(self.subject.zone).replace(minute=0, second=0, microsecond=0)


class DailyUse:
    """Use by site, of all processes that share a ledger; a site without caps is not kept.

    `caps` and `sites` find what the configuration says of a GUID. Safe from any thread.
    """

    def __init__(
        self, caps: Callable[[str], Cap | None], sites: Callable[[str], Site | None] = lambda _: None
    ) -> None:
        self._caps = cache(caps)
        self._sites = sites
        self._days: dict[str, _Day] = {}
        self._others: Paid = {}
        self._lock = RLock()

    def add(self, subject: Subject, cost: Cost, octets: int, now: datetime, queries: int = 1) -> None:
        """Count what was, or may have been, paid; log a cap that is near or reached, once a day each."""
        with self._lock:
            day = self._day(subject, now) if cost in PAID else None
            if day is not None:
                day.add(now, queries, octets)
                _warn(day, now)

    def stops(self, subject: Subject, now: datetime) -> bool:
        """Whether a site's cap is used up and its rest kept from batch callers."""
        with self._lock:
            day = self._day(subject, now) if subject.batch else None
            return day is not None and day.cap.stops_batch and share(day.cap, day.use) >= 1

    def told(self, others: Paid, now: datetime) -> None:
        """Go on from what other processes, and earlier ones, paid by site and day."""
        with self._lock:
            self._others = others
            for guid in {guid for guid, _ in others}:
                subject = self._known(guid)
                day = self._day(subject, now) if subject else None
                if day is not None:
                    day.told(now, others.get(day.key, day.others))
                    _warn(day, now)

    def standings(self, now: datetime) -> list[Standing]:
        """Every capped site that was used today."""
        with self._lock:
            return [
                Standing(guid, day.subject.name, day.cap, day.use, day.hour(now))
                for guid, day in self._days.items()
                if now < day.until
            ]

    def _known(self, guid: str) -> Subject | None:
        if guid in self._days:
            return self._days[guid].subject
        site = self._sites(guid)
        return Subject(guid, site.name, site.zone, "", "", "") if site else None

    def _day(self, subject: Subject, now: datetime) -> _Day | None:
        found = self._days.get(subject.site)
        if found is not None and now < found.until:
            return found
        cap = self._caps(subject.site)
        if cap is None:
            return None
        key = subject.site, subject.line(Cost.BILLED, now).day
        others = self._others.get(key, (0, 0))
        found = _Day(subject, key, cap, midnight(now, subject.zone), Use(now, *others), others)
        found.said.update(_passed(found))
        self._days[subject.site] = found
        return found


def _passed(day: _Day) -> list[str]:
    used = share(day.cap, day.use)
    return [event for least, event in THRESHOLDS if used >= least]


def _warn(day: _Day, now: datetime) -> None:
    for event in _passed(day):
        if event not in day.said:
            day.said.add(event)
            _log.warning(
                event,
                site=day.subject.name,
                queries=day.use.queries,
                bytes=day.use.octets,
                reached_in_hour=day.forecast(now),
            )
