"""How records label `meta.lastUpdated`, and what that gives away by itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from gateway.dates.bounds import epoch_seconds
from gateway.dates.timezones import offset_at
from gateway.dates.value import DAY, DateValueError, parse_stored_date
from gateway.probe.evidence import Evidence, Resource

LAST_UPDATED: Final = "_lastUpdated"
MAX_CLOCK_SKEW: Final = 900
"""Seconds by which the clocks of practice and prober may differ."""

_LAST_UPDATED_FORMAT: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_UTC_LABELS: Final = frozenset({"Z", "+00:00", "-00:00"})
_HALF_YEAR: Final = 182 * DAY


@dataclass(frozen=True)
class LastUpdated:
    """A `meta.lastUpdated`: its digits in seconds since 1970, and its label (empty, `Z` or an offset)."""

    digits: int
    label: str

    @property
    def offset(self) -> int | None:
        """Seconds of the label; None without one."""
        if not self.label or self.is_utc:
            return 0 if self.label else None
        hours, minutes = self.label[1:].split(":")
        return (-1 if self.label[0] == "-" else 1) * (int(hours) * 3600 + int(minutes) * 60)

    @property
    def is_utc(self) -> bool:
        """Whether it is labelled as UTC."""
        return self.label in _UTC_LABELS


def sampled_last_updated(evidence: Evidence, resource_type: str) -> list[LastUpdated]:
    """The readable `meta.lastUpdated` of the sampled records."""
    return [each for each in map(parse_last_updated, evidence.sample_records(resource_type)) if each]


def parse_last_updated(resource: Resource) -> LastUpdated | None:
    """The `meta.lastUpdated` of a resource; None for a bare date or where there is none."""
    meta = resource.get("meta")
    found = _LAST_UPDATED_FORMAT.fullmatch(
        str(meta.get("lastUpdated", "")) if isinstance(meta, Mapping) else ""
    )
    try:
        return LastUpdated(int(parse_stored_date(found[1]).start), found[2] or "") if found else None
    except DateValueError:
        return None


def is_mislabelled(zone: ZoneInfo, last_updated: LastUpdated) -> bool:
    """Whether the label is the site's standard offset where its clock shows daylight saving time."""
    return (
        bool(last_updated.offset)
        and is_daylight_saving(zone, last_updated)
        and last_updated.offset == _standard_offset(zone, last_updated)
    )


def is_daylight_saving(zone: ZoneInfo, last_updated: LastUpdated) -> bool:
    """Whether the site's clock is ahead of its standard time at these digits."""
    return offset_at(zone, last_updated.digits - _standard_offset(zone, last_updated)) != _standard_offset(
        zone, last_updated
    )


def has_daylight_saving(evidence: Evidence) -> bool:
    """Whether the site's clock is changed at all, these years."""
    here = int(epoch_seconds(evidence.now))
    return offset_at(evidence.zone, here) != offset_at(evidence.zone, here - _HALF_YEAR)


def is_in_future(evidence: Evidence, last_updated: LastUpdated) -> bool:
    """Whether the digits, read as UTC's, lie after the time of asking: then they are the site's."""
    return last_updated.digits > epoch_seconds(evidence.now) + MAX_CLOCK_SKEW


def _standard_offset(zone: ZoneInfo, last_updated: LastUpdated) -> int:
    """The smaller of the offsets half a year apart: daylight saving time is always ahead."""
    return min(offset_at(zone, last_updated.digits), offset_at(zone, last_updated.digits - _HALF_YEAR))
