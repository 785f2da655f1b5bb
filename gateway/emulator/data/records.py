"""Builder of a practice's records: a seeded random source, the site's clock, numbered records."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.emulator.sites import Site

Resource = dict[str, Any]

FIRST_UPDATE: Final = datetime(2025, 1, 6, tzinfo=UTC)
_UPDATE_SPAN: Final = timedelta(days=540)
_FRACTION_DIGITS: Final = {"Observation": 3, "Appointment": 6, "DocumentReference": 6}


@dataclass(frozen=True)
class Record:
    """A row of the practice's database: the resource with R4-correct values, and whether it is active."""

    resource: Resource
    active: bool = True


def wall_time_to_instant(wall: datetime, zone: ZoneInfo) -> str:
    """Convert a wall-clock time of `zone` to an R4 instant with its offset; uses `fold`."""
    return wall.replace(tzinfo=zone).isoformat()


def is_valid_wall_time(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether `wall` exists in `zone` (false in the hour skipped in October)."""
    round_trip = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return round_trip.replace(tzinfo=None) == wall.replace(tzinfo=None)


def is_ambiguous_wall_time(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether `wall` occurs twice in `zone`."""
    offsets = {wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    return len(offsets) == 2 and is_valid_wall_time(wall, zone)  # noqa: PLR2004 - first and second occurrence


@dataclass
class PracticeBuilder:
    """Collects records and numbers them from 1 per type, like the integer keys of Best Practice."""

    site: Site
    rng: Random
    records: dict[str, list[Record]] = field(default_factory=dict)
    record_counts: Counter[str] = field(default_factory=Counter)

    def add(self, resource: Resource, *, active: bool = True) -> Resource:
        """Store a resource with a new `id` and `meta.lastUpdated`, and return it."""
        kind = resource["resourceType"]
        self.record_counts[kind] += 1
        resource = {
            "resourceType": kind,
            "id": str(self.record_counts[kind]),
            "meta": {"lastUpdated": self.random_last_updated(kind)},
            **resource,
        }
        self.records.setdefault(kind, []).append(Record(resource, active))
        return resource

    def random_last_updated(self, resource_type: str) -> str:
        """Return a random UTC instant with the type's fraction digits, never in a repeated local hour."""
        moment = FIRST_UPDATE + timedelta(milliseconds=self.rng.randrange(int(_UPDATE_SPAN / _MILLISECOND)))
        if is_ambiguous_wall_time(moment.astimezone(self.site.zone).replace(tzinfo=None), self.site.zone):
            moment += timedelta(hours=3)
        return format_utc_instant(moment, resource_type)

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.rng.random() < probability

    def pick(self, options: Sequence[Any]) -> Any:
        """Pick a random option."""
        return self.rng.choice(options)

    def random_wall_time(self, first: datetime, days: int) -> datetime:
        """Pick a random wall-clock time in opening hours within `days` of `first`, to the minute."""
        return first + timedelta(
            days=self.rng.randrange(days), hours=self.rng.randrange(8, 18), minutes=self.rng.randrange(60)
        )


_MILLISECOND: Final = timedelta(milliseconds=1)


def format_utc_instant(moment: datetime, resource_type: str) -> str:
    """`moment` as an R4 instant in UTC, with the fraction digits of the type."""
    digits = _FRACTION_DIGITS.get(resource_type, 0)
    plain = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{plain}.{moment.microsecond:06}"[: len(plain) + 1 + digits] + "Z" if digits else f"{plain}Z"


def reference_to(resource: Resource) -> Resource:
    """Build a relative Reference to a resource."""
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}
