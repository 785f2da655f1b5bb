"""Daily caps of a practice: how much of them is used, and in which hour they will be reached.

Halo sells a level of usage with "a corresponding daily query and bandwidth cap" per practice. When a day of
theirs ends is not published; here it is midnight of the practice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from math import ceil

from gateway.errors.failure import Failure, FailureKind, RetryAdvice

SITE_CAP = FailureKind(
    "site-cap",
    429,
    "throttled",
    "The practice's daily cap is used up, and the gateway's operator keeps what may be left for interactive"
    " use: run batch work again after Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=3_600,
    may_have_run=False,
)

#: Share of a cap -> what the log says when it is passed.
THRESHOLDS = ((0.8, "cap-80-percent"), (1.0, "cap-reached"))
#: A shorter time says nothing about the pace.
_MIN_HISTORY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class DailyCap:
    """The most that a site may use in a day; None is no limit. `stops_batch` keeps batch callers below it."""

    queries: int | None = None
    octets: int | None = None
    rejects_batch: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used since midnight, at a moment."""

    measured_at: datetime
    queries: int = 0
    octets: int = 0


def used_ratio(cap: DailyCap, usage: Usage) -> float:
    """The used part of whichever cap is nearer; 1.0 is all of it, 0.0 without caps."""
    return max(
        (used / most if most else 1.0 for used, _, most in _amounts_with_limits(cap, usage, usage)),
        default=0.0,
    )


def forecast(cap: DailyCap, earlier: Usage, later: Usage, end: datetime) -> datetime | None:
    """When the first cap will be reached at the pace between two moments; None if not before the end.

    What is reached already gives the later moment.
    """
    if used_ratio(cap, later) >= 1:
        return later.measured_at
    if not has_enough_history(earlier, later):
        return None
    elapsed = later.measured_at - earlier.measured_at
    left = (end - later.measured_at).total_seconds()
    waits = (
        elapsed.total_seconds() * (most - used) / (used - before)
        for used, before, most in _amounts_with_limits(cap, later, earlier)
        if used > before
    )
    wait = min(waits, default=left)
    return later.measured_at + timedelta(seconds=wait) if wait < left else None


def has_enough_history(earlier: Usage, later: Usage) -> bool:
    """Whether two moments are far enough apart to tell a pace."""
    return later.measured_at - earlier.measured_at >= _MIN_HISTORY


def next_midnight(now: datetime, zone: tzinfo) -> datetime:
    """The next midnight of a zone, in UTC."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).astimezone(UTC)


def batch_rejected(now: datetime, zone: tzinfo) -> Failure:
    """The refusal of batch work until the site's midnight."""
    return Failure(SITE_CAP, retry_after=ceil((next_midnight(now, zone) - now).total_seconds()))


def _amounts_with_limits(cap: DailyCap, later: Usage, earlier: Usage) -> Iterator[tuple[int, int, int]]:
    for used, before, most in (
        (later.queries, earlier.queries, cap.queries),
        (later.octets, earlier.octets, cap.octets),
    ):
        if most is not None:
            yield used, before, most
