"""Tolerance of `ap`, and bounds in the format that Halo accepts."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Final

from msgspec.structs import replace

from gateway.dates.timezones import offset_at
from gateway.dates.value import DAY, EPOCH_ORDINAL, YEAR_1, YEAR_10000, DateValue, Time, simplify_time

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WALL_EPOCH: Final = _EPOCH.replace(tzinfo=None)


def widen_approximate(value: DateValue, now: datetime, site_zone: tzinfo) -> DateValue:
    """Return an `ap` value widened by a tenth of the time from now to its nearer edge; 0 if now is inside."""
    if value.prefix != "ap":
        return value
    now_seconds = epoch_seconds(now)
    now_seconds += 0 if value.on_utc_axis else offset_at(site_zone, now_seconds)
    gap = max(value.start - now_seconds, now_seconds - value.end, 0)
    tolerance = Fraction(gap) / 10
    start, end = Fraction(value.start) - tolerance, Fraction(value.end) + tolerance
    return replace(value, start=simplify_time(start), end=simplify_time(end))


def epoch_seconds(moment: datetime) -> Time:
    """Exact seconds since 1970 on the UTC axis."""
    elapsed = moment - _EPOCH
    seconds = elapsed.days * DAY + elapsed.seconds
    return seconds + Fraction(elapsed.microseconds, 1_000_000) if elapsed.microseconds else seconds


def day_text(time: int) -> str:
    """Day of a time as `YYYY-MM-DD`."""
    return date.fromordinal(time // DAY + EPOCH_ORDINAL).isoformat()


def second_text(time: int) -> str:
    """Time as `YYYY-MM-DDThh:mm:ss`."""
    return (_WALL_EPOCH + timedelta(0, time)).isoformat()


def range_text(value: DateValue) -> str:
    """Value as text: prefix, half-open range or point, and axis."""
    start, end = (_exact_text(time) for time in (value.start, value.end))
    times = f"[{start}, {end})" if value.end > value.start else start
    return f"{value.prefix} {times} {'UTC' if value.on_utc_axis else 'site-local'}"


def _exact_text(time: Time) -> str:
    if not YEAR_1 <= time < YEAR_10000:
        return "-inf" if time < YEAR_1 else "+inf"
    second = time // 1
    fraction = time - second
    return second_text(second) + (_fraction_text(fraction) if fraction else "")


def _fraction_text(fraction: Time) -> str:
    """Decimals of a fraction of a second, at most nine."""
    return f".{int(fraction * 10**9):09}".rstrip("0")
