"""Records fit to be asked about, and the times they show, read on the site's clock and on UTC's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.dates.registry import date_parameter
from gateway.dates.timezones import instants, offset_at
from gateway.dates.value import DAY, DateValueError, parse_stored_date
from gateway.probe.evidence import Known, Resource

Shown = tuple[str, Any]
"""The FHIR type of an element and its JSON value."""

#: Date parameters whose column's clock is asked for, by resource type.
DATED: Final[Mapping[str, tuple[str, ...]]] = {
    "Observation": ("date",),
    "Encounter": ("date",),
    "Appointment": ("date",),
    "Condition": ("recorded-date",),
    "Slot": ("start",),
    "DocumentReference": ("date",),
    "Immunization": ("date",),
    "AllergyIntolerance": ("date",),
}
PERIOD: Final = ("Encounter", "date")
PARTIAL: Final = ("Condition", "onset-date")
_SHORT: Final = 6 * 3600
"""A Period shorter than the site's distance to UTC never spans both readings of its start."""
_LEAST: Final = 4
_SECOND: Final = 1


@dataclass(frozen=True)
class Moment:
    """A second shown once by the site's clock, in seconds since 1970 on that clock and on UTC's."""

    site: int
    utc: int
    fraction: bool = False

    def on(self, clock: str) -> int:
        """The second as one clock, `site` or `utc`, shows it."""
        return self.utc if clock == "utc" else self.site


@dataclass(frozen=True)
class Point:
    """A record whose date is a plain time of day."""

    kind: str
    id: str
    at: Moment


@dataclass(frozen=True)
class Span:
    """A record whose date is a Period with both ends."""

    id: str
    start: Moment
    end: Moment

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.end.utc - self.start.utc


def shown(resource: Resource, kind: str, code: str) -> Iterator[Shown]:
    """What stands in a resource under one of R4's date parameters."""
    parameter = date_parameter(kind, code)
    for path in parameter.paths if parameter else ():
        yield from ((path.type, value) for value in _at(resource, path.steps))


def moment(text: Any, zone: ZoneInfo) -> Moment | None:
    """The time of day a text shows, its offset believed; None for a bare date and inside a repeated hour."""
    try:
        value = parse_stored_date(text) if isinstance(text, str) else None
    except DateValueError:
        return None
    if value is None or value.end - value.start > _SECOND:
        return None
    start = int(value.start)
    wall = start + offset_at(zone, start) if value.zoned else start
    known = instants(zone, wall)
    return Moment(wall, int(known[0]), "." in text) if len(known) == 1 else None


def point(known: Known) -> Point | None:
    """The record for questions about one second: no fraction shown, midnight on neither clock."""
    for kind in ("Observation", "Appointment"):
        for resource in known.sample(kind):
            at = point_moment(resource, kind, "date", known.zone)
            if at and not at.fraction and at.site % DAY and at.utc % DAY:
                return Point(kind, str(resource["id"]), at)
    return None


def point_moment(resource: Resource, kind: str, code: str, zone: ZoneInfo) -> Moment | None:
    """The one time a resource shows under a parameter; for a short closed Period, when it starts."""
    values = list(shown(resource, kind, code))
    if len(values) != 1:
        return None
    if values[0][0] == "Period":
        found = span(resource, zone)
        return found.start if found and found.seconds < _SHORT else None
    return moment(values[0][1], zone)


def period(known: Known) -> Span | None:
    """The longest Encounter of the sample: most likely to span midnight, and to have a middle."""
    spans = [span(resource, known.zone) for resource in known.sample(PERIOD[0])]
    return max((each for each in spans if each and each.seconds >= _LEAST), key=_length, default=None)


def span(resource: Resource, zone: ZoneInfo) -> Span | None:
    """The closed Period of whole seconds that an Encounter shows."""
    values = [value for _, value in shown(resource, *PERIOD) if isinstance(value, Mapping)]
    ends = [moment(values[0].get(end), zone) for end in ("start", "end")] if values else []
    if len(ends) < 2 or not ends[0] or not ends[1] or ends[0].fraction or ends[1].fraction:  # noqa: PLR2004
        return None
    return Span(str(resource["id"]), ends[0], ends[1])


def partial(known: Known) -> tuple[str, int] | None:
    """A Condition that shows a bare year or month as onset: its id, and the first second of that unit."""
    for resource in known.sample(PARTIAL[0]):
        texts = [value for _, value in shown(resource, *PARTIAL) if isinstance(value, str)]
        if texts and len(texts[0]) in _PARTIAL_LENGTHS:
            return str(resource["id"]), int(parse_stored_date(texts[0]).start)
    return None


_PARTIAL_LENGTHS: Final = (len("YYYY"), len("YYYY-MM"))


def _length(each: Span) -> int:
    return each.seconds


def _at(node: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(node, list):
        yield from (value for each in node for value in _at(each, steps))
    elif not steps:
        yield node
    elif isinstance(node, Mapping) and steps[0] in node:
        yield from _at(node[steps[0]], steps[1:])
