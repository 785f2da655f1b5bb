"""Records fit to be asked about, and the times they show, read on the site's clock and on UTC's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.dates.registry import date_parameter
from gateway.dates.timezones import instants_at, offset_at
from gateway.dates.value import DAY, DateValueError, parse_stored_date
from gateway.probe.evidence import Evidence, Resource

TypedValue = tuple[str, Any]
"""The FHIR type of an element and its JSON value."""

#: Date parameters whose column's clock is asked for, by resource type.
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
_SHORT_PERIOD_SECONDS: Final = 6 * 3600
"""A Period shorter than the site's distance to UTC never spans both readings of its start."""
_MIN_PERIOD_SECONDS: Final = 4
_ONE_SECOND: Final = 1


@dataclass(frozen=True)
class Moment:
    """A second shown once by the site's clock, in seconds since 1970 on that clock and on UTC's."""

    site_seconds: int
    utc_seconds: int
    has_fraction: bool = False

    def seconds_on(self, clock: str) -> int:
        """The second as one clock, `site` or `utc`, shows it."""
        return self.utc_seconds if clock == "utc" else self.site_seconds


@dataclass(frozen=True)
class PointRecord:
    """A record whose date is a plain time of day."""

    resource_type: str
    id: str
    moment: Moment


@dataclass(frozen=True)
class PeriodRecord:
    """A record whose date is a Period with both ends."""

    id: str
    start: Moment
    end: Moment

    @property
    def duration(self) -> int:
        """Its length."""
        return self.end.utc_seconds - self.start.utc_seconds


def parameter_values(resource: Resource, resource_type: str, code: str) -> Iterator[TypedValue]:
    """What stands in a resource under one of R4's date parameters."""
    parameter = date_parameter(resource_type, code)
    for path in parameter.paths if parameter else ():
        yield from ((path.type, value) for value in _values_at_path(resource, path.steps))


def parse_moment(text: Any, zone: ZoneInfo) -> Moment | None:
    """The time of day a text shows, its offset believed; None for a bare date and inside a repeated hour."""
    try:
        value = parse_stored_date(text) if isinstance(text, str) else None
    except DateValueError:
        return None
    if value is None or value.end - value.start > _ONE_SECOND:
        return None
    start = int(value.start)
    wall = start + offset_at(zone, start) if value.on_utc_axis else start
    known = instants_at(zone, wall)
    return Moment(wall, int(known[0]), "." in text) if len(known) == 1 else None


def point_record(evidence: Evidence) -> PointRecord | None:
    """The record for questions about one second: no fraction shown, midnight on neither clock."""
    for kind in ("Observation", "Appointment"):
        for resource in evidence.sample_records(kind):
            at = point_moment(resource, kind, "date", evidence.zone)
            if at and not at.has_fraction and at.site_seconds % DAY and at.utc_seconds % DAY:
                return PointRecord(kind, str(resource["id"]), at)
    return None


def point_moment(resource: Resource, resource_type: str, code: str, zone: ZoneInfo) -> Moment | None:
    """The one time a resource shows under a parameter; for a short closed Period, when it starts."""
    values = list(parameter_values(resource, resource_type, code))
    if len(values) != 1:
        return None
    if values[0][0] == "Period":
        found = period_record(resource, zone)
        return found.start if found and found.duration < _SHORT_PERIOD_SECONDS else None
    return parse_moment(values[0][1], zone)


def longest_period(evidence: Evidence) -> PeriodRecord | None:
    """The longest Encounter of the sample: most likely to span midnight, and to have a middle."""
    spans = [
        period_record(resource, evidence.zone) for resource in evidence.sample_records(PERIOD_PARAMETER[0])
    ]
    return max(
        (each for each in spans if each and each.duration >= _MIN_PERIOD_SECONDS),
        key=_period_duration,
        default=None,
    )


def period_record(resource: Resource, zone: ZoneInfo) -> PeriodRecord | None:
    """The closed Period of whole seconds that an Encounter shows."""
    values = [
        value for _, value in parameter_values(resource, *PERIOD_PARAMETER) if isinstance(value, Mapping)
    ]
    ends = [parse_moment(values[0].get(end), zone) for end in ("start", "end")] if values else []
    if len(ends) < 2 or not ends[0] or not ends[1] or ends[0].has_fraction or ends[1].has_fraction:  # noqa: PLR2004
        return None
    return PeriodRecord(str(resource["id"]), ends[0], ends[1])


def partial_date_record(evidence: Evidence) -> tuple[str, int] | None:
    """A Condition that shows a bare year or month as onset: its id, and the first second of that unit."""
    for resource in evidence.sample_records(PARTIAL_DATE_PARAMETER[0]):
        texts = [
            value
            for _, value in parameter_values(resource, *PARTIAL_DATE_PARAMETER)
            if isinstance(value, str)
        ]
        if texts and len(texts[0]) in _PARTIAL_LENGTHS:
            return str(resource["id"]), int(parse_stored_date(texts[0]).start)
    return None


_PARTIAL_LENGTHS: Final = (len("YYYY"), len("YYYY-MM"))


def _period_duration(period: PeriodRecord) -> int:
    return period.duration


def _values_at_path(node: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(node, list):
        yield from (value for each in node for value in _values_at_path(each, steps))
    elif not steps:
        yield node
    elif isinstance(node, Mapping) and steps[0] in node:
        yield from _values_at_path(node[steps[0]], steps[1:])
