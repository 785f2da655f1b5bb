"""FHIR instants from the times in upstream responses (R4 datatypes.html instant).

The fraction keeps its digits. A wall time that the clock shows twice becomes the later instant, so that a
synchronising client may receive a record twice but misses none; a skipped wall time is moved forward.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Final, Literal

from gateway.dates.bounds import day_text, second_text
from gateway.dates.column_clock import Labels
from gateway.dates.timezones import instants_at, offset_at, segments_around, utc_low
from gateway.dates.value import YEAR_1, YEAR_10000, DateValueError, Time, parse_stored_date

#: Time labels of an upstream. `ok` and `naive` trust offsets; a time without offset is on the site's clock.
LabelMode = Literal["ok", "naive", "local-labelled-utc", "utc-labelled-local", "fixed-standard-offset"]

InstantOutput = Literal["utc", "site"]

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_UTC_LABELS: Final = frozenset({"Z", "+00:00", "-00:00"})
_MINUTE_SECONDS: Final = 60
_CLOCK_TEXTS: Final = tuple(f"T{hour:02}:{minute:02}" for hour in range(24) for minute in range(60))
_MINUTE_NUMBERS: Final = {text: number for number, text in enumerate(_CLOCK_TEXTS)}
_DAY_SECONDS: Final = 86_400
#: Date and minute, second, fraction with its point, label; each but the first may be empty.
_Parts = tuple[str, str, str, str]
#: What mostly follows the minute -> second, fraction and label.
_USUAL_ENDS: Final[Mapping[str, tuple[str, str, str]]] = {
    f":{second:02}{label}": (f"{second:02}", "", label) for second in range(60) for label in ("", "Z")
}

#: Mode -> function from a label to the valid offset; `None`: the digits are the site's wall clock.
_TRUSTED_OFFSETS: Final[Mapping[LabelMode, Callable[[str], str | None]]] = {
    "ok": lambda label: label or None,
    "naive": lambda label: label or None,
    "local-labelled-utc": lambda label: None if label in _UTC_LABELS else label or None,
    "utc-labelled-local": lambda _: "Z",
    "fixed-standard-offset": lambda label: label if label in _UTC_LABELS else None,
}


def corrected_instant(text: str, mode: LabelMode, zone: tzinfo, output: InstantOutput = "utc") -> str | None:
    """Correct instant in UTC or with the site's offset; the same text if it is already correct.

    `None` for a bare date, which has no instant, and for text that is not a FHIR time.
    """
    parts = _split_time(text)
    if parts is None:
        return None
    shifted = _shift_by_minutes(text, parts, mode, zone, output)
    if shifted is not None:
        return shifted
    digits, second, fraction, label = parts
    trusted_offset = _TRUSTED_OFFSETS[mode](label)
    try:
        time = parse_stored_date(f"{digits}:{second or '00'}{trusted_offset or ''}")
    except DateValueError:
        return None
    instant = time.start if time.on_utc_axis else latest_instant(zone, time.start)
    return _format_instant(int(instant), fraction, zone if output == "site" else UTC)


def _split_time(text: str) -> _Parts | None:
    """Parts of a time; None for other text. The date of a usual one is not checked yet."""
    usual = _USUAL_ENDS.get(text[16:])
    if usual is not None and text[10:16] in _MINUTE_NUMBERS:
        return text[:16], *usual
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    digits, second, fraction, label = match.groups(default="")
    return digits, second, fraction, label


def _shift_by_minutes(
    text: str, parts: _Parts, mode: LabelMode, zone: tzinfo, output: InstantOutput
) -> str | None:
    """Correct instant by a shift of minutes; None near a change of the clock or for unusual text."""
    digits, second, fraction, label = parts
    constant_day, minute = _constant_offset_day(zone, digits[:10]), _MINUTE_NUMBERS.get(digits[10:])
    if constant_day is None or minute is None or second >= "60":
        return None
    trusted_offset = _TRUSTED_OFFSETS[mode](label)
    if trusted_offset == label == "Z" and output == "utc" and second:
        return text
    if trusted_offset not in {None, "Z"}:
        return None
    days, offset, site_label = constant_day
    shift = (offset if output == "site" else 0) - (offset if trusted_offset is None else 0)
    day, minute = divmod(minute + shift, len(_CLOCK_TEXTS))
    label = site_label if output == "site" else "Z"
    return f"{days[day + 1]}{_CLOCK_TEXTS[minute]}:{second or '00'}{fraction}{label}"


@lru_cache(maxsize=4096)
def _constant_offset_day(zone: tzinfo, date: str) -> tuple[tuple[str, str, str], int, str] | None:
    """Previous, same and next day; UTC offset in minutes and as text. None if it changes near the day."""
    try:
        start = int(parse_stored_date(date).start)
    except DateValueError:
        return None
    segments = segments_around(zone, start // _DAY_SECONDS)
    offset = segments[0][2]
    if len(segments) != 1 or offset % _MINUTE_SECONDS or not YEAR_1 < start < YEAR_10000 - 2 * _DAY_SECONDS:
        return None
    before, day, after = (day_text(start + shift * _DAY_SECONDS) for shift in (-1, 0, 1))
    return (before, day, after), offset // _MINUTE_SECONDS, _format_offset(offset)


def latest_instant(zone: tzinfo, wall: Time) -> Time:
    """Last instant at which the wall clock shows a second; in a gap, with the offset from before the gap."""
    instants = instants_at(zone, wall)
    return instants[-1] if instants else wall - offset_at(zone, utc_low(zone, wall) - 1)


def label_meaning(mode: LabelMode) -> Labels:
    """Meaning of the times that a mode corrects: all but digits of UTC may repeat an hour."""
    return "exact" if mode == "utc-labelled-local" else "digits"


def _format_instant(instant: int, fraction: str, zone: tzinfo) -> str | None:
    offset = offset_at(zone, instant)
    if offset % _MINUTE_SECONDS:
        offset = 0
    if not YEAR_1 <= instant + offset < YEAR_10000:
        return None
    label = "Z" if zone is UTC else _format_offset(offset)
    return f"{second_text(instant + offset)}{fraction}{label}"


def _format_offset(offset: int) -> str:
    hours, minutes = divmod(abs(offset) // _MINUTE_SECONDS, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}" if offset else "Z"
