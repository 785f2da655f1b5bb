"""R4's date search as its text defines it, on exact nanoseconds; shares nothing with gateway and emulator.

A stored value is two spans: on UTC, and on the practice's wall clock. A search value with an offset is
compared on UTC, one without on the wall clock (search.html: the server's local time applies). `gt` and `lt`
begin at the end of the value (reading A), `ge` and `le` are inclusive, a fraction of a second is a point.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

_SECOND: Final = 10**9
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the origin of both clocks
_FOREVER: Final = 10**21
_FORM: Final = re.compile(
    r"(?P<prefix>eq|ne|gt|lt|ge|le|sa|eb|ap)?(?P<date>\d{4}(?:-\d\d(?:-\d\d)?)?)"
    r"(?:T(?P<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d+))?(?P<zone>Z|[+-]\d\d:\d\d)?)?"
)


@dataclass(frozen=True)
class Span:
    """A half-open range of nanoseconds; a point if both ends are equal."""

    low: int
    high: int

    @property
    def is_point(self) -> bool:
        return self.low == self.high

    def shifted(self, by: int) -> "Span":
        return Span(self.low + by, self.high + by)


@dataclass(frozen=True)
class Stored:
    """A value of a resource, on UTC and on the wall clock of the practice."""

    utc: Span
    wall: Span


@dataclass(frozen=True)
class Wanted:
    """A value of a search: its prefix, its span, the span that a fraction covers, and its clock."""

    prefix: str
    span: Span
    width: Span
    is_zoned: bool


def wanted(text: str) -> Wanted:
    """Read a search value. Raises ValueError for one that is not R4's."""
    parts = _FORM.fullmatch(text)
    if parts is None:
        raise ValueError(text)
    span, width = _span(parts)
    return Wanted(parts["prefix"] or "eq", span, width, parts["zone"] is not None)


def stored(value: Any, zone: ZoneInfo, *, is_instant: bool) -> Stored:
    """Read a date, dateTime, instant or Period of a resource."""
    if isinstance(value, dict):
        return _period(value, zone)
    parts = _FORM.fullmatch(value)
    if parts is None:
        raise ValueError(value)
    span, _ = _span(parts)
    if parts["zone"] is None:
        return Stored(Span(_to_utc(span.low, zone), _to_utc(span.high, zone)), span)
    span = Span(span.low, span.low) if is_instant else span
    return Stored(span, span.shifted(_offset(span.low, zone)))


def selects(value: Wanted, target: Stored, now: datetime, zone: ZoneInfo) -> bool:
    """Whether a stored value meets a search value."""
    span = target.utc if value.is_zoned else target.wall
    if value.prefix == "ap":
        moment = _nanoseconds(now.astimezone(UTC).replace(tzinfo=None))
        return _overlaps(_widen(value.width, moment + (0 if value.is_zoned else _offset(moment, zone))), span)
    if value.prefix in {"sa", "eb"}:
        return _is_beside(value.prefix, value.width, span)
    return _compares(value.prefix, value.span, span)


def _compares(prefix: str, s: Span, t: Span) -> bool:
    """The prefixes that a point and a range share (spec: `ge` is te > s, `le` is ts < e)."""
    if prefix in {"eq", "ne"}:
        return _contains(s, t) == (prefix == "eq")
    above = (
        t.low > s.high if s.is_point and t.is_point else t.low >= s.high if t.is_point else t.high > s.high
    )
    reaches = t.low >= s.low if t.is_point else t.high > s.low
    begins = t.low <= s.low if s.is_point else t.low < s.high
    return {"gt": above, "lt": t.low < s.low, "ge": reaches, "le": begins}[prefix]


def _contains(s: Span, t: Span) -> bool:
    if s.is_point or t.is_point:
        return (s == t) if s.is_point else s.low <= t.low < s.high
    return s.low <= t.low and t.high <= s.high


def _is_beside(prefix: str, s: Span, t: Span) -> bool:
    if prefix == "sa":
        return t.low >= s.high
    return t.low < s.low if t.is_point else t.high <= s.low


def _overlaps(s: Span, t: Span) -> bool:
    return s.low <= t.low < s.high if t.is_point else t.low < s.high and t.high > s.low


def _widen(span: Span, now: int) -> Span:
    gap = max(span.low - now, now - span.high, 0) // 10
    return Span(span.low - gap, span.high + gap)


def _period(value: dict[str, Any], zone: ZoneInfo) -> Stored:
    ends = {name: stored(value[name], zone, is_instant=False) for name in ("start", "end") if name in value}
    low, high = ends.get("start"), ends.get("end")
    return Stored(
        Span(low.utc.low if low else -_FOREVER, high.utc.high if high else _FOREVER),
        Span(low.wall.low if low else -_FOREVER, high.wall.high if high else _FOREVER),
    )


def _span(parts: re.Match[str]) -> tuple[Span, Span]:
    """The span of a value, and the one that its digits cover: a fraction is a point."""
    low = _nanoseconds(datetime.fromisoformat(_full_text(parts)))
    if parts["zone"] not in {None, "Z"}:
        hours, minutes = int(parts["zone"][1:3]), int(parts["zone"][4:])
        low -= (hours * 60 + minutes) * 60 * _SECOND * (-1 if parts["zone"][0] == "-" else 1)
    if parts["fraction"] is not None:
        digits = parts["fraction"][:9]
        low += int(digits.ljust(9, "0"))
        return Span(low, low), Span(low, low + 10 ** (9 - len(digits)))
    span = Span(low, low + _width(parts))
    return span, span


def _full_text(parts: re.Match[str]) -> str:
    return f"{(parts['date'] + '-01-01')[:10]}T{parts['clock'] or '00:00'}"


def _width(parts: re.Match[str]) -> int:
    if parts["clock"]:
        return _SECOND * (60 if len(parts["clock"]) == len("hh:mm") else 1)
    first = datetime.fromisoformat(_full_text(parts))
    days = {len("yyyy"): 366, len("yyyy-mm"): 31}.get(len(parts["date"]), 1)
    later = first + timedelta(days=days)
    if days == 366:
        later = datetime(first.year + 1, 1, 1)  # noqa: DTZ001 - no clock involved
    return _nanoseconds(later.replace(day=1) if days > 1 else later) - _nanoseconds(first)


def _offset(utc: int, zone: ZoneInfo) -> int:
    moment = (_EPOCH + timedelta(seconds=utc // _SECOND)).replace(tzinfo=UTC).astimezone(zone)
    return round((moment.utcoffset() or timedelta(0)).total_seconds()) * _SECOND


def _to_utc(wall: int, zone: ZoneInfo) -> int:
    local = (_EPOCH + timedelta(seconds=wall // _SECOND)).replace(tzinfo=zone)
    return _nanoseconds(local.astimezone(UTC).replace(tzinfo=None)) + wall % _SECOND


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1) * _SECOND
