"""Sampled records suitable for questions, and their times on the site's clock and in UTC."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.dates.registry import date_parameter
from gateway.dates.timezones import instants_at, offset_at
from gateway.dates.value import DAY, DateValueError, parse_stored_date
from gateway.probe.evidence import Evidence, Resource

#: FHIR type of an element, and its JSON value.
TypedValue = tuple[str, Any]

#: Date parameters whose column's clock the probe measures, by resource type.
DATE_PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Observation": ("date",),
    "Encounter": ("date",),
    "Appointment": ("date",),
    "Condition": ("recorded-date",),
    "Slot": ("start",),
    "DocumentReference": ("date",),
    "Immunization": ("date",),
    "AllergyIntolerance": ("date",),
}
PERIOD_PARAMETER: Final = ("Encounter", "date")
PARTIAL_DATE_PARAMETER: Final = ("Condition", "onset-date")
#: Lengths of a year and of a month in FHIR's format.
_PARTIAL_LENGTHS: Final = (len("YYYY"), len("YYYY-MM"))
#: Maximum length of a Period whose start stands for it, in seconds. A Period shorter than the site's offset
#: cannot include both readings of its start.
_SHORT_PERIOD_SECONDS: Final = 6 * 3600
#: Minimum length of a Period whose middle differs from its ends, in seconds.
_MIN_PERIOD_SECONDS: Final = 4
_ONE_SECOND: Final = 1


@dataclass(frozen=True)
class Moment:
    """An unambiguous second, in seconds since 1970 on the site's clock and in UTC."""

    site_seconds: int
    utc_seconds: int
    has_fraction: bool = False

    def seconds_on(self, clock: str) -> int:
        """Return the second on a clock: `site` or `utc`."""
        return self.utc_seconds if clock == "utc" else self.site_seconds


@dataclass(frozen=True)
class PointRecord:
    """A record whose date is a point in time."""

    resource_type: str
    id: str
    moment: Moment


@dataclass(frozen=True)
class PeriodRecord:
    """A record whose date is a Period with start and end."""

    id: str
    start: Moment
    end: Moment

    @property
    def duration(self) -> int:
        """Length of the Period, in seconds."""
        return self.end.utc_seconds - self.start.utc_seconds


def parameter_values(resource: Resource, resource_type: str, code: str) -> Iterator[TypedValue]:
    """Yield the values of a resource for one of R4's date parameters."""
    parameter = date_parameter(resource_type, code)
    for path in parameter.paths if parameter else ():
        yield from ((path.type, value) for value in _values_at_path(resource, path.steps))


def parse_moment(text: Any, zone: ZoneInfo) -> Moment | None:
    """Parse a time, trusting its offset; None for a date without time and for an ambiguous time."""
    try:
        value = parse_stored_date(text) if isinstance(text, str) else None
    except DateValueError:
        return None
    if value is None or value.end - value.start > _ONE_SECOND:
        return None
    start = int(value.start)
    wall = start + offset_at(zone, start) if value.on_utc_axis else start
    instants = instants_at(zone, wall)
    return Moment(wall, int(instants[0]), "." in text) if len(instants) == 1 else None


def point_record(evidence: Evidence) -> PointRecord | None:
    """Return a sampled record with a date in whole seconds that is midnight on neither clock."""
    for resource_type in ("Observation", "Appointment"):
        for resource in evidence.sample_records(resource_type):
            moment = point_moment(resource, resource_type, "date", evidence.zone)
            if moment and not moment.has_fraction and moment.site_seconds % DAY and moment.utc_seconds % DAY:
                return PointRecord(resource_type, str(resource["id"]), moment)
    return None


def point_moment(resource: Resource, resource_type: str, code: str, zone: ZoneInfo) -> Moment | None:
    """Return the only time of a resource for a parameter; for a short Period, its start."""
    values = list(parameter_values(resource, resource_type, code))
    if len(values) != 1:
        return None
    if values[0][0] == "Period":
        record = period_record(resource, zone)
        return record.start if record and record.duration < _SHORT_PERIOD_SECONDS else None
    return parse_moment(values[0][1], zone)


def longest_period(evidence: Evidence) -> PeriodRecord | None:
    """Return the longest Encounter of the sample, which is the most likely to include midnight."""
    records = (
        period_record(resource, evidence.zone) for resource in evidence.sample_records(PERIOD_PARAMETER[0])
    )
    long_enough = (record for record in records if record and record.duration >= _MIN_PERIOD_SECONDS)
    return max(long_enough, key=_period_duration, default=None)


def period_record(resource: Resource, zone: ZoneInfo) -> PeriodRecord | None:
    """Return the Period of an Encounter if it has a start and an end in whole seconds."""
    values = [
        value for _, value in parameter_values(resource, *PERIOD_PARAMETER) if isinstance(value, Mapping)
    ]
    ends = [parse_moment(values[0].get(end), zone) for end in ("start", "end")] if values else []
    if len(ends) < 2 or not ends[0] or not ends[1] or ends[0].has_fraction or ends[1].has_fraction:  # noqa: PLR2004
        return None
    return PeriodRecord(str(resource["id"]), ends[0], ends[1])


def partial_date_record(evidence: Evidence) -> tuple[str, int] | None:
    """Return the id of a Condition whose onset is a year or month, and the first second of that onset."""
    for resource in evidence.sample_records(PARTIAL_DATE_PARAMETER[0]):
        texts = [
            value
            for _, value in parameter_values(resource, *PARTIAL_DATE_PARAMETER)
            if isinstance(value, str)
        ]
        if texts and len(texts[0]) in _PARTIAL_LENGTHS:
            return str(resource["id"]), int(parse_stored_date(texts[0]).start)
    return None


def _period_duration(period: PeriodRecord) -> int:
    return period.duration


def _values_at_path(node: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(node, list):
        yield from (value for item in node for value in _values_at_path(item, steps))
    elif not steps:
        yield node
    elif isinstance(node, Mapping) and steps[0] in node:
        yield from _values_at_path(node[steps[0]], steps[1:])
