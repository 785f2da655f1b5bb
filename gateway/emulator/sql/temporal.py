"""Dates and times in their canonical spelling, ISO 8601 with the digits that the type keeps."""

import re
from datetime import date, datetime, timedelta
from typing import Final

from gateway.emulator.sql.data_types import DataType

_DATE: Final = r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
_TIME: Final = r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,7}))?)?"
_SPELLING: Final = re.compile(rf"(?:{_DATE})?(?:[T ]?{_TIME})? {{0,9}}(?P<zone>Z|[+-]\d\d:\d\d)?")
_TICKS: Final = 10**7
#: Where a date is missing.
_FIRST_DAY: Final = date(1900, 1, 1)
_DATETIME_FIRST_YEAR: Final = 1753


def read_temporal(text: str, target: DataType) -> str:
    """Return the canonical spelling of a date or time. Raises ValueError."""
    match = _SPELLING.fullmatch(text.strip())
    if match is None or not text.strip():
        raise ValueError("no date or time")
    day = date(*map(int, match.group("year", "month", "day"))) if match["year"] else _FIRST_DAY
    hour, minute, second = (int(part or 0) for part in match.group("hour", "minute", "second"))
    moment = datetime(day.year, day.month, day.day, hour, minute, second)  # noqa: DTZ001 - has its zone in text
    return _spell(moment, int((match["fraction"] or "").ljust(7, "0")), match["zone"] or "", target)


def _spell(moment: datetime, ticks: int, zone: str, target: DataType) -> str:
    match target.name:
        case "date":
            return moment.date().isoformat()
        case "datetime":
            _check_first_year(moment, _DATETIME_FIRST_YEAR)
            thirds = round(ticks * 300 / _TICKS)
            moment += timedelta(seconds=thirds // 300)
            return f"{moment.isoformat()}.{round(thirds % 300 * 10 / 3):03}"
        case "smalldatetime":
            _check_first_year(moment, _FIRST_DAY.year)
            return (moment + timedelta(seconds=30)).replace(second=0).isoformat()
        case "time":
            return _with_fraction(moment, ticks, target).partition("T")[2]
        case "datetimeoffset":
            return _with_fraction(moment, ticks, target) + (zone.replace("Z", "") or "+00:00")
    return _with_fraction(moment, ticks, target)


def _check_first_year(moment: datetime, year: int) -> None:
    if moment.year < year:
        raise ValueError(moment.isoformat())


def _with_fraction(moment: datetime, ticks: int, target: DataType) -> str:
    """Round to the digits that the type keeps."""
    unit = 10 ** (7 - target.scale)
    whole, fraction = divmod((ticks + unit // 2) // unit * unit, _TICKS)
    digits = f".{fraction:07}"[: target.scale + 1] if target.scale else ""
    return (moment + timedelta(seconds=whole)).isoformat() + digits
