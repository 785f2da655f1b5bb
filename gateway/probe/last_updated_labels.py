"""Labels of `meta.lastUpdated` in records: `Z`, an offset or none, and errors that they show."""

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
#: Maximum difference between the clocks of the practice and of the probe, in seconds.
MAX_CLOCK_SKEW: Final = 900

_LAST_UPDATED_FORMAT: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_UTC_LABELS: Final = frozenset({"Z", "+00:00", "-00:00"})
_HALF_YEAR: Final = 182 * DAY


@dataclass(frozen=True)
class LastUpdated:
    """A `meta.lastUpdated`: digits in seconds since 1970, and label (empty, `Z` or an offset)."""

    digits: int
    label: str

    @property
    def offset(self) -> int | None:
        """Offset of the label, in seconds; None without a label."""
        if not self.label or self.is_utc:
            return 0 if self.label else None
        hours, minutes = self.label[1:].split(":")
        return (-1 if self.label[0] == "-" else 1) * (int(hours) * 3600 + int(minutes) * 60)

    @property
    def is_utc(self) -> bool:
        """Whether the label means UTC."""
        return self.label in _UTC_LABELS


def sampled_last_updated(evidence: Evidence, resource_type: str) -> list[LastUpdated]:
    """Return the valid `meta.lastUpdated` values of the sampled records."""
    return list(filter(None, map(parse_last_updated, evidence.sample_records(resource_type))))


def parse_last_updated(resource: Resource) -> LastUpdated | None:
    """Parse the `meta.lastUpdated` of a resource; None if it is missing, invalid or a date without time."""
    meta = resource.get("meta")
    match = _LAST_UPDATED_FORMAT.fullmatch(
        str(meta.get("lastUpdated", "")) if isinstance(meta, Mapping) else ""
    )
    try:
        return LastUpdated(int(parse_stored_date(match[1]).start), match[2] or "") if match else None
    except DateValueError:
        return None


def is_mislabelled(zone: ZoneInfo, last_updated: LastUpdated) -> bool:
    """Whether the label is the site's standard offset although daylight saving time applies."""
    return (
        bool(last_updated.offset)
        and is_daylight_saving(zone, last_updated)
        and last_updated.offset == _standard_offset(zone, last_updated)
    )


def is_daylight_saving(zone: ZoneInfo, last_updated: LastUpdated) -> bool:
    """Whether the site has daylight saving time at these digits."""
    standard_offset = _standard_offset(zone, last_updated)
    return offset_at(zone, last_updated.digits - standard_offset) != standard_offset


def has_daylight_saving(evidence: Evidence) -> bool:
    """Whether the site has daylight saving time in this year."""
    now = int(epoch_seconds(evidence.now))
    return offset_at(evidence.zone, now) != offset_at(evidence.zone, now - _HALF_YEAR)


def is_in_future(evidence: Evidence, last_updated: LastUpdated) -> bool:
    """Whether the digits, read as UTC, are after the time of the probe: then they are the site's time."""
    return last_updated.digits > epoch_seconds(evidence.now) + MAX_CLOCK_SKEW


def _standard_offset(zone: ZoneInfo, last_updated: LastUpdated) -> int:
    """Return the smaller of two offsets half a year apart: daylight saving time adds to the offset."""
    return min(offset_at(zone, last_updated.digits), offset_at(zone, last_updated.digits - _HALF_YEAR))
