"""Wall clock of a time zone: folds and gaps as segments of constant offset, without the host's zone data."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final
from zoneinfo import ZoneInfo

from gateway.dates.value import DAY, YEAR_1, YEAR_10000, Time

#: `(start, end, offset)`: instants `[start, end)` in UTC seconds, in which wall = instant + offset.
Segment = tuple[int, int, int]

#: Times before and after all dates, in seconds; multiples of every unit, so that rounding keeps them.
BEGIN: Final = -(10**8) * DAY
END: Final = 10**8 * DAY

_FIRST, _LAST = YEAR_1 + 3 * DAY, YEAR_10000 - 3 * DAY


@cache
def load_zone(name: str) -> ZoneInfo:
    """Zone of an IANA name, from the `tzdata` package. Raises `ValueError` for an unknown name."""
    parts = name.split("/")
    resource = files("tzdata.zoneinfo").joinpath(*parts)
    if not all(part and part.strip(".") for part in parts) or not _is_file(resource):
        raise ValueError("Unknown time zone. Write an IANA name such as Australia/Brisbane.")
    with resource.open("rb") as data:
        try:
            return ZoneInfo.from_file(data, key=name)
        except ValueError:
            raise ValueError("Not a time zone. Write an IANA name such as Australia/Brisbane.") from None


def _is_file(resource: Traversable) -> bool:
    try:
        return resource.is_file()
    except OSError:  # the name is too long for a file
        return False


def offset_at(zone: tzinfo, instant: Time) -> int:
    """Seconds by which the wall clock is ahead of UTC at an instant."""
    day = instant // DAY
    return next(offset for start, end, offset in segments_around(zone, day) if start <= instant < end)


def wall_low(zone: tzinfo, instant: Time) -> Time:
    """`inf {wall(t): t >= instant}`: the lower bound that loses no match (spec: `lo`)."""
    segments = segments_around(zone, instant // DAY)
    if len(segments) == 1:
        return instant + segments[0][2]
    return min(max(start, instant) + offset for start, end, offset in segments if end > instant)


def wall_high(zone: tzinfo, instant: Time) -> Time:
    """`sup {wall(t): t < instant}`: the upper bound that loses no match (spec: `hi`).

    At the end of a gap, the wall clock of the instant itself: the clock shows no time between the two.
    """
    segments = segments_around(zone, instant // DAY)
    if len(segments) == 1:
        return instant + segments[0][2]
    return max(min(end, instant) + offset for start, end, offset in segments if start <= instant)


def wall_image(zone: tzinfo, start: Time, end: Time) -> tuple[Time, Time]:
    """Hull of the wall times during `[start, end)`; tighter than `wall_low` and `wall_high`."""
    if end - start > DAY:
        return wall_low(zone, start), wall_high(zone, end)
    segments = [part for part in segments_around(zone, start // DAY) if part[0] <= end and part[1] > start]
    low = min(max(first, start) + offset for first, _, offset in segments if first < end)
    return low, max(min(last, end) + offset for _, last, offset in segments)


def utc_low(zone: tzinfo, wall: Time) -> Time:
    """`inf {t: wall(t) >= wall}`: in a gap the transition, in a fold the first pass."""
    segments = segments_around(zone, wall // DAY)
    return min(max(start, wall - offset) for start, end, offset in segments if wall - offset < end)


def utc_high(zone: tzinfo, wall: Time) -> Time:
    """`sup {t: wall(t) < wall}`: in a gap the transition, in a fold the second pass."""
    segments = segments_around(zone, wall // DAY)
    return max(min(end, wall - offset) for start, end, offset in segments if wall - offset > start)


def instants_at(zone: tzinfo, wall: Time) -> tuple[Time, ...]:
    """Instants at which the wall clock shows a time: two in a fold, none in a gap."""
    segments = segments_around(zone, wall // DAY)
    return tuple(wall - offset for start, end, offset in segments if start <= wall - offset < end)


@lru_cache(maxsize=8192)
def segments_around(zone: tzinfo, day: int) -> tuple[Segment, ...]:
    """Segments around a day, of UTC or wall clock: the margin covers every offset. Outer ends are open."""
    if zone is UTC:
        return ((BEGIN, END, 0),)
    changes = [change for near_day in range(day - 2, day + 3) for change in _offset_changes(zone, near_day)]
    offsets = [_utc_offset(zone, (day - 2) * DAY), *(after for _, after in changes)]
    edges = [BEGIN, *(instant for instant, _ in changes), END]
    return tuple(zip(edges[:-1], edges[1:], offsets, strict=True))


@lru_cache(maxsize=8192)
def _offset_changes(zone: tzinfo, day: int) -> tuple[tuple[int, int], ...]:
    return tuple(_bisect_change(zone, day * DAY, (day + 1) * DAY))


def _bisect_change(zone: tzinfo, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Instant in `(start, end]` at which the offset changes, with the new offset; empty without a change."""
    before, after = _utc_offset(zone, start), _utc_offset(zone, end)
    while before != after and end - start > 1:
        middle = (start + end) // 2
        start, end = (middle, end) if _utc_offset(zone, middle) == before else (start, middle)
    return [] if before == after else [(end, after)]


@lru_cache(maxsize=8192)
def _utc_offset(zone: tzinfo, instant: int) -> int:
    offset = datetime.fromtimestamp(min(max(instant, _FIRST), _LAST), zone).utcoffset() or timedelta()
    return offset.days * DAY + offset.seconds
