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
from gateway.ledger.caps import (
    THRESHOLDS,
    DailyCap,
    Usage,
    forecast,
    has_enough_history,
    next_midnight,
    used_ratio,
)
from gateway.ledger.cost import BILLABLE_CLASSES, Attribution, CostClass
from gateway.ledger.counts import BillableUsage

_log = structlog.get_logger()
#: The pace is that of the last hour, read off marks that are this far apart.
_FORECAST_WINDOW = timedelta(hours=1)
_SAMPLE_INTERVAL = timedelta(minutes=5)


class CapStatus(NamedTuple):
    """How a site stands today against its caps.

    `hour` is the one, in the site's zone, in which the first will be reached; None if not today.
    """

    site: str
    name: str
    cap: DailyCap
    usage: Usage
    reached_in_hour: datetime | None


@dataclass
class _SiteDay:
    """One site's day until its midnight: what was counted here, and what others paid."""

    attribution: Attribution
    ledger_key: tuple[str, str]
    cap: DailyCap
    ends_at: datetime
    usage: Usage
    other_usage: tuple[int, int]
    samples: deque[Usage] = field(default_factory=deque)
    logged_events: set[str] = field(default_factory=set)

    def add(self, now: datetime, queries: int, octets: int) -> None:
        if not self.samples or now - self.samples[-1].measured_at >= _SAMPLE_INTERVAL:
            self.samples.append(replace(self.usage, measured_at=now))
        while len(self.samples) > 1 and now - self.samples[0].measured_at > _FORECAST_WINDOW:
            self.samples.popleft()
        self.usage = Usage(now, self.usage.queries + queries, self.usage.octets + octets)

    def update_from_ledger(self, now: datetime, other_usage: tuple[int, int]) -> None:
        more = other_usage[0] - self.other_usage[0], other_usage[1] - self.other_usage[1]
        self.other_usage = other_usage
        if any(more):
            self.add(now, *more)

    @property
    def earliest_sample(self) -> Usage:
        return self.samples[0] if self.samples else self.usage

    def forecast_text(self, now: datetime) -> str:
        """The hour in words for the log."""
        hour = self.hour_reached(now)
        known = hour or has_enough_history(self.earliest_sample, replace(self.usage, measured_at=now))
        return hour.isoformat() if hour else "not today" if known else "not known yet"

    def hour_reached(self, now: datetime) -> datetime | None:
        found = forecast(self.cap, self.earliest_sample, replace(self.usage, measured_at=now), self.ends_at)
        return found and found.astimezone(self.attribution.zone).replace(minute=0, second=0, microsecond=0)


class DailyUsage:
    """Use by site, of all processes that share a ledger; a site without caps is not kept.

    `caps` and `sites` find what the configuration says of a GUID. Safe from any thread.
    """

    def __init__(
        self, cap_of: Callable[[str], DailyCap | None], site_of: Callable[[str], Site | None] = lambda _: None
    ) -> None:
        self._cap_of = cache(cap_of)
        self._site_of = site_of
        self._days: dict[str, _SiteDay] = {}
        self._other_usage: BillableUsage = {}
        self._lock = RLock()

    def add(
        self, attribution: Attribution, cost: CostClass, octets: int, now: datetime, queries: int = 1
    ) -> None:
        """Count what was, or may have been, paid; log a cap that is near or reached, once a day each."""
        with self._lock:
            day = self._current_day(attribution, now) if cost in BILLABLE_CLASSES else None
            if day is not None:
                day.add(now, queries, octets)
                _log_thresholds(day, now)

    def rejects_batch(self, attribution: Attribution, now: datetime) -> bool:
        """Whether a site's cap is used up and its rest kept from batch callers."""
        with self._lock:
            day = self._current_day(attribution, now) if attribution.is_batch else None
            return day is not None and day.cap.rejects_batch and used_ratio(day.cap, day.usage) >= 1

    def update_from_ledger(self, other_usage: BillableUsage, now: datetime) -> None:
        """Go on from what other processes, and earlier ones, paid by site and day."""
        with self._lock:
            self._other_usage = other_usage
            for guid in {guid for guid, _ in other_usage}:
                subject = self._site_attribution(guid)
                day = self._current_day(subject, now) if subject else None
                if day is not None:
                    day.update_from_ledger(now, other_usage.get(day.ledger_key, day.other_usage))
                    _log_thresholds(day, now)

    def cap_statuses(self, now: datetime) -> list[CapStatus]:
        """Every capped site that was used today."""
        with self._lock:
            return [
                CapStatus(guid, day.attribution.name, day.cap, day.usage, day.hour_reached(now))
                for guid, day in self._days.items()
                if now < day.ends_at
            ]

    def _site_attribution(self, guid: str) -> Attribution | None:
        if guid in self._days:
            return self._days[guid].attribution
        site = self._site_of(guid)
        return Attribution(guid, site.name, site.zone, "", "", "") if site else None

    def _current_day(self, attribution: Attribution, now: datetime) -> _SiteDay | None:
        found = self._days.get(attribution.site)
        if found is not None and now < found.ends_at:
            return found
        cap = self._cap_of(attribution.site)
        if cap is None:
            return None
        key = attribution.site, attribution.ledger_key(CostClass.BILLED, now).day
        others = self._other_usage.get(key, (0, 0))
        found = _SiteDay(
            attribution, key, cap, next_midnight(now, attribution.zone), Usage(now, *others), others
        )
        found.logged_events.update(_thresholds_reached(found))
        self._days[attribution.site] = found
        return found


def _thresholds_reached(day: _SiteDay) -> list[str]:
    used = used_ratio(day.cap, day.usage)
    return [event for least, event in THRESHOLDS if used >= least]


def _log_thresholds(day: _SiteDay, now: datetime) -> None:
    for event in _thresholds_reached(day):
        if event not in day.logged_events:
            day.logged_events.add(event)
            _log.warning(
                event,
                site=day.attribution.name,
                queries=day.usage.queries,
                bytes=day.usage.octets,
                reached_in_hour=day.forecast_text(now),
            )
