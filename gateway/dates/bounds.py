"""Search ranges on the clock of the upstream's column, and bounds in the format that Halo accepts."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from fractions import Fraction
from typing import Final

from gateway.dates.timezones import BEGIN, END, offset_at, utc_high, utc_low, wall_high, wall_image, wall_low
from gateway.dates.value import DAY, EPOCH_ORDINAL, YEAR_1, YEAR_10000, DateValue, Time, simplify_time

_BOUNDED_PREFIXES: Final = frozenset({"eq", "ne", "ap"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Edges:
    """Both ends of a search range on the column's clock: lowest and highest time that the clock may show.

    The two differ only inside a fold. Outer conditions take `low` for lower and `high` for upper bounds;
    inner conditions the reverse. Equal results prove exactness.
    """

    start_low: Time
    start_high: Time
    end_low: Time
    end_high: Time

    @property
    def outer_bounds(self) -> tuple[Time, Time, Time, Time]:
        """Start and end for a lower bound, start and end for an upper bound: no match is lost."""
        return self.start_low, self.end_low, self.start_high, self.end_high

    @property
    def inner_bounds(self) -> tuple[Time, Time, Time, Time]:
        """Start and end for a lower bound, start and end for an upper bound: no match is surplus."""
        return self.start_high, self.end_high, self.start_low, self.end_low


def column_edges(value: DateValue, site_zone: tzinfo, column_zone: tzinfo) -> Edges:
    """Edges of the range on the column's clock; unchanged if both are on the site's wall clock."""
    if not value.on_utc_axis and column_zone == site_zone:
        start, end = _clamp_time(value.start), _clamp_time(value.end)
        return Edges(start, start, end, end)
    (start_low, start_high), (end_low, end_high) = (
        _to_column_clock(time, site_zone, column_zone, on_utc_axis=value.on_utc_axis)
        for time in (value.start, value.end)
    )
    if (
        value.on_utc_axis
        and value.prefix in _BOUNDED_PREFIXES
        and YEAR_1 < value.start < value.end < YEAR_10000
    ):
        low, high = wall_image(column_zone, value.start, value.end)
        return Edges(low, start_high, end_low, high)
    return Edges(start_low, start_high, end_low, end_high)


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
    return simplify_time(elapsed.days * DAY + elapsed.seconds + Fraction(elapsed.microseconds, 1_000_000))


def day_text(time: int) -> str:
    """Day of a time as `YYYY-MM-DD`."""
    return date.fromordinal(time // DAY + EPOCH_ORDINAL).isoformat()


def second_text(time: int) -> str:
    """Time as `YYYY-MM-DDThh:mm:ss`."""
    day, second = divmod(time, DAY)
    minute, second = divmod(second, 60)
    return f"{day_text(day * DAY)}T{minute // 60:02}:{minute % 60:02}:{second:02}"


def range_text(value: DateValue) -> str:
    """Value as text: prefix, half-open range and axis."""
    start, end = (_exact_text(time) for time in (value.start, value.end))
    return f"{value.prefix} [{start}, {end}) {'UTC' if value.on_utc_axis else 'site-local'}"


def _exact_text(time: Time) -> str:
    if not YEAR_1 <= time < YEAR_10000:
        return "-inf" if time < YEAR_1 else "+inf"
    second = time // 1
    fraction = time - second
    return second_text(second) + (_fraction_text(fraction) if fraction else "")


def _fraction_text(fraction: Time) -> str:
    """Decimals of a fraction of a second, at most nine."""
    return f".{int(fraction * 10**9):09}".rstrip("0")


def _clamp_time(time: Time) -> Time:
    return END if time >= YEAR_10000 else BEGIN if time < YEAR_1 else time


def _to_column_clock(
    time: Time, site_zone: tzinfo, column_zone: tzinfo, *, on_utc_axis: bool
) -> tuple[Time, Time]:
    if not YEAR_1 <= time < YEAR_10000:
        return _clamp_time(time), _clamp_time(time)
    low, high = (time, time) if on_utc_axis else (utc_low(site_zone, time), utc_high(site_zone, time))
    return wall_low(column_zone, low), wall_high(column_zone, high)
