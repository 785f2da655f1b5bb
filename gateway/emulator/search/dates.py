"""Dates in searches and in the practice's columns, both as half-open wall-clock spans."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from zlib import crc32
from zoneinfo import ZoneInfo

from gateway.emulator.search.refusal import bad_argument

PREFIXES: Final = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
#: Width of an instant: the smallest unit of a column, so that R4's range comparisons treat it as a point.
INSTANT_WIDTH: Final = timedelta(microseconds=1)

_R4_VALUE: Final = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
_EXACT_VALUE: Final = re.compile(r"(?:[a-z]{2})?\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d)?")
_PRECISION_WIDTHS: Final = {
    "day": timedelta(days=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}


@dataclass(frozen=True)
class SearchValue:
    """A search value: its prefix and its span on the wall clock of the column."""

    prefix: str
    low: datetime
    high: datetime


@dataclass(frozen=True)
class ColumnValue:
    """A column value: its visible span, and `raw`, its start with the hidden fraction."""

    low: datetime
    high: datetime
    raw: datetime
    kind: Literal["point", "period"] = "point"
    is_partial: bool = False


def parse_search_value(text: str, zone: ZoneInfo, *, exact_only: bool) -> SearchValue:
    """Parse a search value. A value with an offset is converted to `zone`, else it is a time of `zone`.

    `exact_only` is the fault `search-date-format`: only YYYY-MM-DD and YYYY-MM-DDThh:mm:ss are valid.
    Raises Refusal (400).
    """
    if exact_only and not _EXACT_VALUE.fullmatch(text):
        raise bad_argument("Datetime search parameters must be YYYY-MM-DD or YYYY-MM-DDThh:mm:ss")
    match = _R4_VALUE.fullmatch(text)
    if not match or (match["prefix"] or "eq") not in PREFIXES:
        raise bad_argument("Invalid date search parameter value")
    try:
        low, high = _value_span(match, zone)
    except (ValueError, OverflowError):
        raise bad_argument("Invalid date search parameter value") from None
    return SearchValue(match["prefix"] or "eq", low, high)


def column_value(
    value: Any, zone: ZoneInfo, *, extra_fraction: timedelta, is_instant: bool
) -> ColumnValue | None:
    """Return the column value of a date, dateTime, instant or Period in `zone`; None if none can hold it."""
    if isinstance(value, dict):
        return _period_value(value, zone, extra_fraction)
    match = _R4_VALUE.fullmatch(str(value))
    span = match and _value_span_or_none(match, zone)
    if not match or not span:
        return None
    low, high = span
    fraction = extra_fraction if match["second"] and not match["fraction"] else timedelta(0)
    return ColumnValue(
        low, low + INSTANT_WIDTH if is_instant else high, low + fraction, is_partial=not match["day"]
    )


def hidden_fraction(resource_type: str, resource_id: str) -> timedelta:
    """Return the milliseconds of a row's time that its resource does not contain; constant per row."""
    return timedelta(milliseconds=crc32(f"{resource_type}/{resource_id}".encode()) % 1000)


def _period_value(value: dict[str, Any], zone: ZoneInfo, extra_fraction: timedelta) -> ColumnValue | None:
    start, end = (
        column_value(value[name], zone, extra_fraction=extra_fraction, is_instant=False)
        if name in value
        else None
        for name in ("start", "end")
    )
    if start is None and end is None:
        return None
    return ColumnValue(
        start.low if start else datetime.min,  # noqa: DTZ901 - open start of a wall-clock span
        end.high if end else datetime.max,  # noqa: DTZ901 - as above
        start.raw if start else datetime.min,  # noqa: DTZ901 - as above
        "period",
    )


def _value_span_or_none(match: re.Match[str], zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """Return a value's span; None if no column can hold it: a leap second, or outside the years 1 to 9999."""
    try:
        return _value_span(match, zone)
    except (ValueError, OverflowError):
        return None


def _value_span(match: re.Match[str], zone: ZoneInfo) -> tuple[datetime, datetime]:
    numbers = {name: int(match[name]) for name in ("month", "day", "hour", "minute", "second") if match[name]}
    start = datetime(int(match["year"]), **({"month": 1, "day": 1} | numbers))  # type: ignore[arg-type]  # noqa: DTZ001
    width = _precision_width(match, start)
    if match["fraction"]:
        start += timedelta(microseconds=int(match["fraction"].ljust(6, "0")[:6]))
    if match["zone"]:
        start = _convert_to_zone(start, match["zone"], zone)
    return start, start + width


def _convert_to_zone(wall: datetime, offset: str, zone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(wall.isoformat() + offset.replace("Z", "+00:00"))
    return moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None)


def _precision_width(match: re.Match[str], start: datetime) -> timedelta:
    if match["fraction"]:
        return timedelta(microseconds=10 ** (6 - min(len(match["fraction"]), 6)))
    for name in ("second", "minute", "day"):
        if match[name]:
            return _PRECISION_WIDTHS[name]
    if match["month"]:
        return (start + timedelta(days=31)).replace(day=1) - start
    return start.replace(year=start.year + 1) - start
