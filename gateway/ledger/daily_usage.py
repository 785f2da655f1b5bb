"""Today's usage of each site with a cap, in memory: for forecasts, warnings and the rejection of batch work.

It contains the queries of this process at once, and those of other processes after a read of the ledger.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from threading import RLock
from typing import NamedTuple

import structlog
from cachetools import LRUCache

from gateway.exchange import Site
from gateway.http.proved_callers import UNPROVED
from gateway.ledger.caps import (
    KEPT_DAYS,
    THRESHOLDS,
    DailyCap,
    Usage,
    day_bounds,
    forecast,
    has_enough_history,
    used_ratio,
)
from gateway.ledger.cost import Attribution, CostClass, counts_against_cap
from gateway.ledger.counts import BillableUsage

_log = structlog.get_logger()
#: The forecast uses the rate of the last hour, from samples that are at least `_SAMPLE_INTERVAL` apart.
_FORECAST_WINDOW = timedelta(hours=1)
_SAMPLE_INTERVAL = timedelta(minutes=5)
#: Maximum numbers of sites in memory, and of sites that no upstream has confirmed: clients make up GUIDs, and
#: those take no place of a site with a name. The least recently used is dropped first.
_MAX_SITES, _MAX_UNPROVED_SITES = 10_000, 1_000


class CapStatus(NamedTuple):
    """Today's usage of a site against its caps.

    `reached_in_hour` is the hour, in the site's zone, in which the first cap is reached; None if not today.
    """

    site: str
    name: str
    cap: DailyCap
    usage: Usage
    reached_in_hour: datetime | None


@dataclass
class _SiteDay:
    """One day of a site, to its midnight; `usage` includes `other_usage`, that of other processes.

    `others`: days before it, to which a clock that was ahead goes back, the last one first.
    """

    attribution: Attribution
    ledger_key: tuple[str, str]
    cap: DailyCap
    begins_at: datetime
    ends_at: datetime
    usage: Usage
    other_usage: tuple[int, int]
    others: "tuple[_SiteDay, ...]" = ()
    samples: deque[Usage] = field(default_factory=deque)
    logged_events: set[str] = field(default_factory=set)

    def day_at(self, now: datetime) -> "_SiteDay | None":
        """Return this day or another one, whichever contains a time; None if none does."""
        days = (self, *self.others)
        return next((day for day in days if day.begins_at <= now < day.ends_at), None)

    def add(self, now: datetime, queries: int, octets: int) -> None:
        while self.samples and self.samples[-1].measured_at > now:
            self.samples.pop()  # the clock was ahead
        if not self.samples or now - self.samples[-1].measured_at >= _SAMPLE_INTERVAL:
            self.samples.append(replace(self.usage, measured_at=now))
        while len(self.samples) > 1 and now - self.samples[0].measured_at > _FORECAST_WINDOW:
            self.samples.popleft()
        self.usage = Usage(now, self.usage.queries + queries, self.usage.octets + octets)

    def update_from_ledger(self, now: datetime, other_usage: tuple[int, int]) -> None:
        increase = other_usage[0] - self.other_usage[0], other_usage[1] - self.other_usage[1]
        self.other_usage = other_usage
        if any(increase):
            self.add(now, *increase)

    @property
    def earliest_sample(self) -> Usage:
        return self.samples[0] if self.samples else self.usage

    def forecast_text(self, now: datetime) -> str:
        """Text for the log: the hour in which a cap is reached, if there is a forecast."""
        hour = self.hour_reached(now)
        if hour:
            return hour.isoformat()
        is_known = has_enough_history(self.earliest_sample, replace(self.usage, measured_at=now))
        return "not today" if is_known else "not known yet"

    def hour_reached(self, now: datetime) -> datetime | None:
        time = forecast(self.cap, self.earliest_sample, replace(self.usage, measured_at=now), self.ends_at)
        return time and time.astimezone(self.attribution.zone).replace(minute=0, second=0, microsecond=0)


class DailyUsage:
    """Usage by site, of all processes that share a ledger; sites without caps are left out.

    `cap_of` and `site_of` return the configuration of a GUID. For use by any thread.
    """

    def __init__(
        self, cap_of: Callable[[str], DailyCap | None], site_of: Callable[[str], Site | None] = lambda _: None
    ) -> None:
        self._cap_of = lru_cache(_MAX_SITES)(cap_of)
        self._site_of = site_of
        self._days: LRUCache[str, _SiteDay] = LRUCache(_MAX_SITES)
        self._unproved_days: LRUCache[str, _SiteDay] = LRUCache(_MAX_UNPROVED_SITES)
        self._other_usage: BillableUsage = {}
        self._ledger_sites: frozenset[str] = frozenset()
        self._lock = RLock()

    def add(
        self, attribution: Attribution, cost: CostClass, octets: int, now: datetime, queries: int = 1
    ) -> None:
        """Count billable queries of proved callers; log a nearly or fully used cap once a day."""
        with self._lock:
            counts = counts_against_cap(attribution.caller, cost)
            day = self._current_day(attribution, now) if counts else None
            if day is not None:
                day.add(now, queries, octets)
                _log_thresholds(day, now)

    def rejects_batch(self, attribution: Attribution, now: datetime) -> bool:
        """Whether batch requests of a site are rejected because its cap is reached."""
        with self._lock:
            day = self._current_day(attribution, now) if attribution.is_batch else None
            return day is not None and day.cap.rejects_batch and used_ratio(day.cap, day.usage) >= 1

    def update_from_ledger(self, other_usage: BillableUsage, now: datetime) -> None:
        """Set the usage of other and earlier processes, by site and day."""
        with self._lock:
            self._other_usage = other_usage
            self._ledger_sites = frozenset(guid for guid, _ in other_usage) - {UNPROVED}
            for guid in self._ledger_sites:
                attribution = self._site_attribution(guid)
                day = self._current_day(attribution, now) if attribution else None
                if day is not None:
                    day.update_from_ledger(now, other_usage.get(day.ledger_key, day.other_usage))
                    _log_thresholds(day, now)

    def has_ledger_line(self, guid: str) -> bool:
        """Whether the ledger has a recent line of its own for a site, written by any process."""
        return guid in self._ledger_sites

    def cap_statuses(self, now: datetime) -> list[CapStatus]:
        """Status of each site with a cap, a name and queries today."""
        with self._lock:
            return [
                CapStatus(guid, stored.attribution.name, day.cap, day.usage, day.hour_reached(now))
                for guid, stored in self._days.items()
                if (day := stored.day_at(now)) is not None
            ]

    def _site_attribution(self, guid: str) -> Attribution | None:
        day = self._days.get(guid)
        if day is not None:
            return day.attribution
        site = self._site_of(guid)
        return Attribution(guid, site.name, site.zone, "", "", "") if site else None

    def _named_by_guid(self, attribution: Attribution) -> Attribution:
        """Return an attribution with the practice's own name: a cap counts its queries at all upstreams."""
        site = None if attribution.is_unproved_site else self._site_of(attribution.site)
        return attribution._replace(name=site.name) if site else attribution

    def _current_day(self, attribution: Attribution, now: datetime) -> _SiteDay | None:
        stored = self._stored_day(attribution)
        day = (stored and stored.day_at(now)) or self._new_day(attribution, now)
        if day is not None and day is not stored:
            self._replace_day(stored, day, attribution)
        return day

    def _stored_day(self, attribution: Attribution) -> _SiteDay | None:
        """Day of a site, which moves to the sites with a name as soon as its site has one."""
        guid = attribution.site
        if guid in self._days or attribution.is_unproved_site:
            return self._days.get(guid) or self._unproved_days.get(guid)
        day = self._unproved_days.pop(guid, None)
        if day is not None:
            day.attribution, self._days[guid] = self._named_by_guid(attribution), day
        return day

    def _new_day(self, attribution: Attribution, now: datetime) -> _SiteDay | None:
        """Return a day with the usage of other processes; None if the site has no cap."""
        cap = self._cap_of(attribution.site)
        if cap is None:
            return None
        key = attribution.site, attribution.ledger_key(CostClass.BILLED, now).day
        other_usage, bounds = self._other_usage.get(key, (0, 0)), day_bounds(now, attribution.zone)
        day = _SiteDay(attribution, key, cap, *bounds, Usage(now, *other_usage), other_usage)
        day.logged_events.update(_thresholds_reached(day))
        return day

    def _replace_day(self, stored: _SiteDay | None, day: _SiteDay, attribution: Attribution) -> None:
        """Store a day of a site, and with it the last ones before it."""
        if stored is not None:
            others = [each for each in (stored, *stored.others) if each is not day]
            stored.others, day.others = (), tuple(others[: KEPT_DAYS - 1])
        day.attribution = self._named_by_guid(attribution)
        is_unproved = attribution.is_unproved_site and attribution.site not in self._days
        (self._unproved_days if is_unproved else self._days)[attribution.site] = day


def _thresholds_reached(day: _SiteDay) -> list[str]:
    ratio = used_ratio(day.cap, day.usage)
    return [event for threshold, event in THRESHOLDS if ratio >= threshold]


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
