"""How records label `meta.lastUpdated`, and what that gives away by itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from gateway.dates.bounds import seconds
from gateway.dates.timezones import offset_at
from gateway.dates.value import DAY, DateValueError, parse_stored_date
from gateway.probe.evidence import Known, Resource

STAMP: Final = "_lastUpdated"
SKEW: Final = 900
"""Seconds by which the clocks of practice and prober may differ."""

_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_UTC: Final = frozenset({"Z", "+00:00", "-00:00"})
_HALF_YEAR: Final = 182 * DAY


@dataclass(frozen=True)
class Stamp:
    """A `meta.lastUpdated`: its digits in seconds since 1970, and its label (empty, `Z` or an offset)."""

    digits: int
    label: str

    @property
    def offset(self) -> int | None:
        """Seconds of the label; None without one."""
        if not self.label or self.utc:
            return 0 if self.label else None
        hours, minutes = self.label[1:].split(":")
        return (-1 if self.label[0] == "-" else 1) * (int(hours) * 3600 + int(minutes) * 60)

    @property
    def utc(self) -> bool:
        """Whether it is labelled as UTC."""
        return self.label in _UTC


def stamps(known: Known, kind: str) -> list[Stamp]:
    """The readable `meta.lastUpdated` of the sampled records."""
    return [each for each in map(stamp, known.sample(kind)) if each]


def stamp(resource: Resource) -> Stamp | None:
    """The `meta.lastUpdated` of a resource; None for a bare date or where there is none."""
    meta = resource.get("meta")
    found = _STAMP.fullmatch(str(meta.get("lastUpdated", "")) if isinstance(meta, Mapping) else "")
    try:
        return Stamp(int(parse_stored_date(found[1]).start), found[2] or "") if found else None
    except DateValueError:
        return None


def mislabelled(zone: ZoneInfo, each: Stamp) -> bool:
    """Whether the label is the site's standard offset where its clock shows daylight saving time."""
    return bool(each.offset) and daylight(zone, each) and each.offset == _standard(zone, each)


def daylight(zone: ZoneInfo, each: Stamp) -> bool:
    """Whether the site's clock is ahead of its standard time at these digits."""
    return offset_at(zone, each.digits - _standard(zone, each)) != _standard(zone, each)


def saves_daylight(known: Known) -> bool:
    """Whether the site's clock is changed at all, these years."""
    here = int(seconds(known.now))
    return offset_at(known.zone, here) != offset_at(known.zone, here - _HALF_YEAR)


def future(known: Known, each: Stamp) -> bool:
    """Whether the digits, read as UTC's, lie after the time of asking: then they are the site's."""
    return each.digits > seconds(known.now) + SKEW


def _standard(zone: ZoneInfo, each: Stamp) -> int:
    """The smaller of the offsets half a year apart: daylight saving time is always ahead."""
    return min(offset_at(zone, each.digits), offset_at(zone, each.digits - _HALF_YEAR))
