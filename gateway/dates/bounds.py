"""Search ranges moved to the clock of the upstream's column, and bounds written the way Halo accepts."""

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
    """Both ends of a search range on the column's clock: the lowest and the highest time each may show.

    They differ only inside a fold. Outer conditions take `low` for lower and `high` for upper bounds; inner
    ones the reverse; equal results prove exactness.
    """

    start_low: Time
    start_high: Time
    end_low: Time
    end_high: Time

    @property
    def outer_bounds(self) -> tuple[Time, Time, Time, Time]:
        """Start and end for a lower bound, start and end for an upper bound: nothing is lost."""
        return self.start_low, self.end_low, self.start_high, self.end_high

    @property
    def inner_bounds(self) -> tuple[Time, Time, Time, Time]:
        """The same with nothing surplus."""
        return self.start_high, self.end_high, self.start_low, self.end_low


def column_edges(value: DateValue, site_zone: tzinfo, column_zone: tzinfo) -> Edges:
    """The range on the column's clock: unchanged for the site's wall clock on the site's wall clock."""
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
    """`ap` with its tolerance: a tenth of the way from now to the nearer edge, 0 when now is inside."""
    if value.prefix != "ap":
        return value
    here = epoch_seconds(now)
    here += 0 if value.on_utc_axis else offset_at(site_zone, here)
    gap = max(value.start - here, here - value.end, 0)
    tolerance = Fraction(gap) / 10
    start, end = Fraction(value.start) - tolerance, Fraction(value.end) + tolerance
    return replace(value, start=simplify_time(start), end=simplify_time(end))


def epoch_seconds(moment: datetime) -> Time:
    """The moment on the UTC axis, exactly."""
    since = moment - _EPOCH
    return simplify_time(since.days * DAY + since.seconds + Fraction(since.microseconds, 1_000_000))


def day_text(time: int) -> str:
    """`YYYY-MM-DD`."""
    return date.fromordinal(time // DAY + EPOCH_ORDINAL).isoformat()


def second_text(time: int) -> str:
    """`YYYY-MM-DDThh:mm:ss`."""
    day, second = divmod(time, DAY)
    minute, second = divmod(second, 60)
    return f"{day_text(day * DAY)}T{minute // 60:02}:{minute % 60:02}:{second:02}"


def range_text(value: DateValue) -> str:
    """The meaning of a value: prefix, half-open range, axis."""
    start, end = (_exact_text(time) for time in (value.start, value.end))
    return f"{value.prefix} [{start}, {end}) {'UTC' if value.on_utc_axis else 'site-local'}"


def _exact_text(time: Time) -> str:
    if not YEAR_1 <= time < YEAR_10000:
        return "-inf" if time < YEAR_1 else "+inf"
    second = time // 1
    fraction = time - second
    return second_text(second) + (_fraction_text(fraction) if fraction else "")


def _fraction_text(fraction: Time) -> str:
    """The decimals of a fraction of a second, at most nine of them."""
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
