"""Instants as FHIR wants them, from what the upstream shows (R4 datatypes.html instant).

The fraction stays digit for digit; a wall time shown twice is the later instant, so that a synchronising
client may see a record twice but never miss it; a wall time that was skipped is moved forward.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Final, Literal

from gateway.dates.bounds import second_text
from gateway.dates.timezones import instants_at, offset_at, segments_around, utc_low
from gateway.dates.value import YEAR_1, YEAR_10000, DateValueError, Time, parse_stored_date

LabelMode = Literal["ok", "naive", "local-labelled-utc", "utc-labelled-local", "fixed-standard-offset"]
"""How an upstream labels its times; `ok` and `naive` trust an offset, and none is the site's wall clock."""

InstantOutput = Literal["utc", "site"]

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_UTC_LABELS: Final = frozenset({"Z", "+00:00", "-00:00"})
_MINUTE_SECONDS: Final = 60
_CLOCK_TEXTS: Final = tuple(f"T{hour:02}:{minute:02}" for hour in range(24) for minute in range(60))
_MINUTE_NUMBERS: Final = {text: number for number, text in enumerate(_CLOCK_TEXTS)}
_DAY_SECONDS: Final = 86_400

_TRUSTED_OFFSETS: Final[Mapping[LabelMode, Callable[[str], str | None]]] = {
    "ok": lambda label: label or None,
    "naive": lambda label: label or None,
    "local-labelled-utc": lambda label: None if label in _UTC_LABELS else label or None,
    "utc-labelled-local": lambda _: "Z",
    "fixed-standard-offset": lambda label: label if label in _UTC_LABELS else None,
}
"""The offset that holds for a label; `None`: the digits are the site's wall clock."""


def corrected_instant(text: str, mode: LabelMode, zone: tzinfo, output: InstantOutput = "utc") -> str | None:
    """The instant meant, in UTC or with the site's offset; the same text when nothing is to correct.

    `None` for a bare date, which has no instant, and for what is not a FHIR time.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    usual = _shift_by_minutes(found, mode, zone, output)
    if usual is not None:
        return usual
    digits, second, fraction, label = found.groups(default="")
    believed = _TRUSTED_OFFSETS[mode](label)
    try:
        time = parse_stored_date(f"{digits}:{second or '00'}{believed or ''}")
    except DateValueError:
        return None
    at = time.start if time.on_utc_axis else latest_instant(zone, time.start)
    return _format_instant(int(at), fraction, zone if output == "site" else UTC)


def _shift_by_minutes(
    match: re.Match[str], mode: LabelMode, zone: tzinfo, output: InstantOutput
) -> str | None:
    """The same for a day on which the clock is not changed: a shift by minutes. None for any other."""
    digits, second, fraction, label = match.groups(default="")
    around, minute = _constant_offset_day(zone, digits[:10]), _MINUTE_NUMBERS.get(digits[10:])
    if around is None or minute is None or second >= "60":
        return None
    believed = _TRUSTED_OFFSETS[mode](label)
    if believed == label == "Z" and output == "utc" and second:
        return match[0]
    if believed not in {None, "Z"}:
        return None
    days, offset, own = around
    shift = (offset if output == "site" else 0) - (offset if believed is None else 0)
    day, minute = divmod(minute + shift, len(_CLOCK_TEXTS))
    return (
        f"{days[day + 1]}{_CLOCK_TEXTS[minute]}:{second or '00'}{fraction}{own if output == 'site' else 'Z'}"
    )


@lru_cache(maxsize=4096)
def _constant_offset_day(zone: tzinfo, date: str) -> tuple[tuple[str, str, str], int, str] | None:
    """The dates around one, the minutes that its clock is ahead of UTC all day, and how that is written."""
    try:
        start = int(parse_stored_date(date).start)
    except DateValueError:
        return None
    around = segments_around(zone, start // _DAY_SECONDS)
    if (
        len(around) != 1
        or around[0][2] % _MINUTE_SECONDS
        or not YEAR_1 < start < YEAR_10000 - 2 * _DAY_SECONDS
    ):
        return None
    days = tuple(second_text(start + each * _DAY_SECONDS)[:10] for each in (-1, 0, 1))
    return (days[0], days[1], days[2]), around[0][2] // _MINUTE_SECONDS, _format_offset(around[0][2])


def latest_instant(zone: tzinfo, wall: Time) -> Time:
    """The last instant at which the wall clock shows that second; in a gap as if it had not yet moved."""
    known = instants_at(zone, wall)
    return known[-1] if known else wall - offset_at(zone, utc_low(zone, wall) - 1)


def column_zone(mode: LabelMode, zone: tzinfo) -> tzinfo:
    """The zone of the column behind the digits shown, for `DateFacts.columns`."""
    return UTC if mode == "utc-labelled-local" else zone


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
