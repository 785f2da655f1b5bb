"""FHIR date values as exact half-open ranges (R4 search.html 3.1.1.4.7, datatypes.html date and dateTime)."""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias

import msgspec

#: Exact seconds since 1970-01-01T00:00:00, on the UTC axis or on a wall clock.
Time: TypeAlias = int | Fraction

#: Seconds per day.
DAY: Final = 86_400
EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
#: First time of the calendar, and first time after it, in seconds.
YEAR_1: Final = (1 - EPOCH_ORDINAL) * DAY
YEAR_10000: Final = (date.max.toordinal() + 1 - EPOCH_ORDINAL) * DAY

GRAMMAR: Final = (
    "[eq|ne|gt|lt|ge|le|sa|eb|ap]YYYY[-MM[-DD[Thh:mm[:ss[.fraction]][Z|+hh:mm|-hh:mm]]]],"
    " an existing date, 00:00 to 23:59, an offset of at most 14:00"
)

#: Maximum characters of a date: computing with millions of decimals would delay other requests.
_MAX_LENGTH: Final = 4096

_PREFIX = re.compile("eq|ne|gt|lt|ge|le|sa|eb|ap")
_VALUE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:(Z)|([+\- ])(\d\d):(\d\d))?)?)?)?",
    re.ASCII,
)


class DateValueError(ValueError):
    """The text is not a FHIR date value; the message contains the grammar, never the text."""

    def __init__(self) -> None:
        super().__init__(f"Not a valid date. Write dates as {GRAMMAR}.")


class DateValue(msgspec.Struct, frozen=True):
    """A prefix and the range `[start, end)` of a unit of the written precision.

    A fraction of a second is a point, with `end` equal to `start`. The range is on the UTC axis if
    `on_utc_axis`, else on the site's wall clock.
    """

    prefix: str
    start: Time
    end: Time
    on_utc_axis: bool = False


def parse_date_value(text: str) -> DateValue:
    """Value of a search parameter. Accepts escaped colons, and a space in place of an unescaped `+`.

    Raises `DateValueError` for another grammar, an unknown prefix or an impossible date.
    """
    prefix = _PREFIX.match(text)
    if prefix is None:
        return _parse_value("eq", text)
    return _parse_value(prefix.group(), text[2:])


def parse_stored_date(text: str) -> DateValue:
    """Range of an element's date, dateTime or instant. Raises `DateValueError`."""
    return _parse_value("eq", text)


def simplify_time(time: Fraction) -> Time:
    """Time as an int if it is a whole second."""
    return time.numerator if time.denominator == 1 else time


def _parse_value(prefix: str, text: str) -> DateValue:
    match = _VALUE.fullmatch(text) or _VALUE.fullmatch(_unescape_colons(text))
    if match is None or len(text) > _MAX_LENGTH:
        raise DateValueError
    year, month, day, hour, minute, second, fraction, utc, sign, *offset = match.groups()
    try:
        if hour is None:
            return _calendar_range(prefix, int(year), month, day)
        midnight = _midnight_of(int(year), int(month), int(day))
    except ValueError:
        raise DateValueError from None
    start = midnight + _clock_seconds(hour, minute, second)
    on_utc_axis = utc is not None or sign is not None
    if sign is not None:
        start -= _offset_seconds(sign, *offset)
    if fraction is not None:
        return _fractional_point(prefix, start, fraction, on_utc_axis=on_utc_axis)
    return DateValue(prefix, start, start + (60 if second is None else 1), on_utc_axis)


def _unescape_colons(text: str) -> str:
    return text.replace("%3A", ":").replace("%3a", ":").replace("\\:", ":")


def _midnight_of(year: int, month: int, day: int) -> int:
    return (date(year, month, day).toordinal() - EPOCH_ORDINAL) * DAY


def _calendar_range(prefix: str, year: int, month: str | None, day: str | None) -> DateValue:
    if month is None:
        return DateValue(prefix, _midnight_of(year, 1, 1), _first_of_month(year + 1, 1))
    if day is None:
        return DateValue(prefix, _midnight_of(year, int(month), 1), _first_of_month(year, int(month) + 1))
    start = _midnight_of(year, int(month), int(day))
    return DateValue(prefix, start, start + DAY)


def _first_of_month(year: int, month: int) -> int:
    year, month = (year + 1, 1) if month > 12 else (year, month)  # noqa: PLR2004 - months of a year
    return YEAR_10000 if year > date.max.year else _midnight_of(year, month, 1)


def _clock_seconds(hour: str, minute: str, second: str | None) -> int:
    seconds = int(second or 0)
    if hour > "23" or minute > "59" or seconds > 60:  # noqa: PLR2004 - R4 allows the leap second
        raise DateValueError
    return int(hour) * 3600 + int(minute) * 60 + seconds


def _offset_seconds(sign: str, hour: str, minute: str) -> int:
    if minute > "59" or hour + minute > "1400":
        raise DateValueError
    seconds = int(hour) * 3600 + int(minute) * 60
    return -seconds if sign == "-" else seconds


def _fractional_point(prefix: str, start: int, digits: str, *, on_utc_axis: bool) -> DateValue:
    point = simplify_time(start + Fraction(Decimal(f"0.{digits}")))
    return DateValue(prefix, point, point, on_utc_axis)
