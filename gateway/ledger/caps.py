"""Daily caps of a practice: the used share, and a forecast of the time at which a cap is reached.

Halo sells a level of usage with "a corresponding daily query and bandwidth cap" per practice. Halo does not
publish when its day ends; here a day ends at midnight of the practice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from math import ceil
from typing import Final

from gateway.errors.failure import Failure, FailureKind, RetryAdvice

SITE_CAP = FailureKind(
    "site-cap",
    429,
    "throttled",
    "The practice's daily query cap is reached. Batch requests are rejected until it resets. Retry after the"
    " time in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=3_600,
    may_have_run=False,
)

#: Used share of a cap, and the log event when it is reached.
THRESHOLDS = ((0.8, "cap-80-percent"), (1.0, "cap-reached"))
#: Minimum time between two measurements: a shorter time gives no reliable rate.
_MIN_HISTORY = timedelta(minutes=5)
#: Last days and months whose usage stays in memory: the current one, the one before for other time zones, and
#: two of a clock that was ahead, which goes back to them.
KEPT_DAYS: Final = 4
KEPT_MONTHS: Final = 3


@dataclass(frozen=True, slots=True)
class DailyCap:
    """Maximum daily usage of a site; None means no limit. `rejects_batch`: batch requests stop at the cap."""

    queries: int | None = None
    octets: int | None = None
    rejects_batch: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Queries and response bytes since midnight, at a time."""

    measured_at: datetime
    queries: int = 0
    octets: int = 0


def used_ratio(cap: DailyCap, usage: Usage) -> float:
    """Return the used share of the cap with the higher share; 1.0 if it is reached, 0.0 without caps."""
    amounts = _amounts_with_limits(cap, usage, usage)
    return max((used / limit if limit else 1.0 for used, _, limit in amounts), default=0.0)


def forecast(cap: DailyCap, earlier: Usage, later: Usage, end: datetime) -> datetime | None:
    """Time at which the first cap is reached at the rate between two measurements; None if after `end`.

    If a cap is reached already, it is the time of the later measurement.
    """
    if used_ratio(cap, later) >= 1:
        return later.measured_at
    if not has_enough_history(earlier, later):
        return None
    elapsed = later.measured_at - earlier.measured_at
    seconds_to_end = (end - later.measured_at).total_seconds()
    seconds_to_limits = (
        elapsed.total_seconds() * (limit - used) / (used - before)
        for used, before, limit in _amounts_with_limits(cap, later, earlier)
        if used > before
    )
    seconds = min(seconds_to_limits, default=seconds_to_end)
    return later.measured_at + timedelta(seconds=seconds) if seconds < seconds_to_end else None


def has_enough_history(earlier: Usage, later: Usage) -> bool:
    """Whether two measurements are far enough apart for a rate."""
    return later.measured_at - earlier.measured_at >= _MIN_HISTORY


def next_midnight(now: datetime, zone: tzinfo) -> datetime:
    """Next midnight of a zone, in UTC."""
    return day_bounds(now, zone)[1]


def day_bounds(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Begin of a zone's day, and its end, which is the begin of the next, in UTC.

    What is kept for a day must compare both: the clock may have been ahead.
    """
    today = now.astimezone(zone).date()
    begin, end = (datetime.combine(day, time(), zone) for day in (today, today + timedelta(days=1)))
    return begin.astimezone(UTC), end.astimezone(UTC)


def batch_rejected(now: datetime, zone: tzinfo) -> Failure:
    """Failure of a batch request until the site's midnight."""
    return Failure(SITE_CAP, retry_after=ceil((next_midnight(now, zone) - now).total_seconds()))


def _amounts_with_limits(cap: DailyCap, later: Usage, earlier: Usage) -> Iterator[tuple[int, int, int]]:
    for used, before, limit in (
        (later.queries, earlier.queries, cap.queries),
        (later.octets, earlier.octets, cap.octets),
    ):
        if limit is not None:
            yield used, before, limit
