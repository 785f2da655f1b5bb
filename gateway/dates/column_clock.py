"""Search ranges on the clock of the upstream's column, as wide as what is not known about that clock."""

from collections.abc import Callable
from datetime import tzinfo
from fractions import Fraction
from typing import Final, Literal, Self

import msgspec
from msgspec.structs import replace

from gateway.dates.timezones import (
    BEGIN,
    END,
    segments_around,
    utc_high,
    utc_low,
    wall_high,
    wall_image,
    wall_low,
)
from gateway.dates.value import DAY, YEAR_1, YEAR_10000, DateValue, Time, simplify_time

#: What the shown times say about the instant: `exact`; `digits`: the site's wall clock, which shows an hour
#: twice; `unknown`: they may be wrong by the site's offset, in either direction.
Labels = Literal["exact", "digits", "unknown"]
Edge = Literal["start", "end"]
Floor = Callable[[Time], int]

_BOUNDED_PREFIXES: Final = frozenset({"eq", "ne", "ap"})


class ColumnClock(msgspec.Struct, frozen=True):
    """Possible zones of a column's wall clock, and the meaning of the labels of the times shown."""

    zones: tuple[tzinfo, ...]
    labels: Labels = "exact"

    @property
    def is_known(self) -> bool:
        """Whether there is no doubt."""
        return len(self.zones) == 1 and self.labels != "unknown"

    def with_midnights_of(self, site_zone: tzinfo) -> Self:
        """Return the clock of a column that may also have dates without time: they have no zone."""
        return self if site_zone in self.zones else replace(self, zones=(*self.zones, site_zone))


class Edges(msgspec.Struct, frozen=True):
    """Both ends of a search range on the column's clock: lowest and highest time that the clock may show.

    The two differ inside a fold, and by what is not known about the clock. Outer conditions take `low` for
    lower and `high` for upper bounds; inner conditions the reverse. Equal results prove exactness. `span` is
    the range; that of a point ends between the point and the next second.
    """

    start_low: Time
    start_high: Time
    end_low: Time
    end_high: Time
    clock: ColumnClock
    site_zone: tzinfo
    span: DateValue

    def low(self, edge: Edge) -> Time:
        """Lowest time of an end."""
        return self.start_low if edge == "start" else self.end_low

    def high(self, edge: Edge) -> Time:
        """Highest time of an end."""
        return self.start_high if edge == "start" else self.end_high

    def low_unit(self, edge: Edge, floor: Floor) -> int:
        """Lowest column time of a record whose day, month or year contains an end, or that is after it.

        A date without time may be stored as its first midnight, or as that of the site on the column's clock.
        """
        low, time = self.low(edge) // 1, self.span.start if edge == "start" else self.span.end
        if not YEAR_1 <= time < YEAR_10000:
            return low
        midnight = floor(wall_low(self.site_zone, time) if self.span.on_utc_axis else time)
        instant = utc_low(self.site_zone, midnight)
        foreign = (wall_low(zone, instant) // 1 for zone in self.clock.zones if zone != self.site_zone)
        return min(low, midnight, *foreign)


def column_edges(value: DateValue, site_zone: tzinfo, clock: ColumnClock) -> Edges:
    """Edges of the range on the column's clock; unchanged if both are on the site's wall clock."""
    span = value if value.end > value.start else replace(value, end=_time_after(value.start))
    if len(clock.zones) == 1:
        only = _edges_in(clock.zones[0], span, site_zone, clock.labels)
        return Edges(*only, clock, site_zone, span)
    parts = [_edges_in(zone, span, site_zone, clock.labels) for zone in clock.zones]
    start_lows, start_highs, end_lows, end_highs = zip(*parts, strict=True)
    return Edges(min(start_lows), max(start_highs), min(end_lows), max(end_highs), clock, site_zone, span)


def _edges_in(
    zone: tzinfo, span: DateValue, site_zone: tzinfo, labels: Labels
) -> tuple[Time, Time, Time, Time]:
    """Lowest and highest time of both ends, if the column has the wall clock of a zone."""
    if zone == site_zone and not span.on_utc_axis and labels != "unknown":
        start, end = _clamp_time(span.start), _clamp_time(span.end)
        return start, start, end, end
    labels = "exact" if labels == "digits" and zone == site_zone else labels
    start_low, start_high = _column_times(span.start, zone, span, site_zone, labels)
    end_low, end_high = _column_times(span.end, zone, span, site_zone, labels)
    is_bounded = span.prefix in _BOUNDED_PREFIXES and YEAR_1 < span.start < span.end < YEAR_10000
    if span.on_utc_axis and is_bounded and labels == "exact":
        start_low, end_high = wall_image(zone, span.start, span.end)
    return start_low, start_high, end_low, end_high


def _column_times(
    time: Time, zone: tzinfo, span: DateValue, site_zone: tzinfo, labels: Labels
) -> tuple[Time, Time]:
    """Lowest and highest time that a column in a zone may have for records shown at an end."""
    if not YEAR_1 <= time < YEAR_10000:
        return _clamp_time(time), _clamp_time(time)
    low = high = time
    if span.on_utc_axis and labels == "digits":
        low, high = wall_low(site_zone, time), wall_high(site_zone, time)
    if not span.on_utc_axis or labels == "digits":
        low, high = utc_low(site_zone, low), utc_high(site_zone, high)
    margin = largest_offset(site_zone, time) if labels == "unknown" else 0
    return wall_low(zone, low - margin), wall_high(zone, high + margin)


def largest_offset(zone: tzinfo, time: Time) -> int:
    """Largest distance of the zone's clock from UTC around a time, in seconds."""
    return max(abs(offset) for _, _, offset in segments_around(zone, time // DAY))


def _time_after(point: Time) -> Time:
    """Time between a point and the next whole second: rounding treats it as just after the point."""
    return simplify_time((Fraction(point) + point // 1 + 1) / 2)


def _clamp_time(time: Time) -> Time:
    return END if time >= YEAR_10000 else BEGIN if time < YEAR_1 else time
