"""Schedules, slots and appointments, around both changes to and from daylight saving in 2026."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final

from gateway.emulator.data.records import Chart, Resource, ambiguous, exists, reference, wall_instant
from gateway.emulator.data.terms import VISIT_TYPES

CHANGE_DAYS: Final = (date(2026, 4, 5), date(2026, 10, 4))
_WEEKS: Final = (date(2026, 4, 2), date(2026, 6, 22), date(2026, 10, 1))
_DAYS: Final = 6
_DAY_TIMES: Final = tuple(time(hour, minute) for hour in (9, 10, 11, 13, 14, 15) for minute in (0, 30))
_NIGHT_TIMES: Final = (time(0, 30), time(1, 30), time(2, 0), time(2, 30), time(3, 0), time(23, 30))
_LENGTH: Final = timedelta(minutes=30)


def add_diary(chart: Chart) -> None:
    """A Schedule per active Practitioner with its Slots; three in five are busy with an Appointment."""
    for record in chart.records["Practitioner"]:
        if record.active:
            schedule = chart.add(_schedule(record.resource))
            for start in _starts(chart):
                _add_slot(chart, schedule, start)


def _starts(chart: Chart) -> Iterator[datetime]:
    for first in _WEEKS:
        for day in (first + timedelta(days=number) for number in range(_DAYS)):
            times = _NIGHT_TIMES + _DAY_TIMES if day in CHANGE_DAYS else _DAY_TIMES
            yield from (datetime.combine(day, at) for at in times)
    for wall in (datetime.combine(day, at) for day in CHANGE_DAYS for at in _NIGHT_TIMES):
        if ambiguous(wall, chart.site.zone):
            yield wall.replace(fold=1)


def _schedule(practitioner: Resource) -> Resource:
    return {
        "resourceType": "Schedule",
        "active": True,
        "actor": [reference(practitioner), {"reference": "Location/1"}],
        "planningHorizon": {"start": "2026-01-01", "end": "2026-12-31"},
    }


def _add_slot(chart: Chart, schedule: Resource, start: datetime) -> None:
    if not exists(start, chart.site.zone):
        return
    busy = chart.chance(0.6)
    slot = chart.add(
        {
            "resourceType": "Slot",
            "schedule": reference(schedule),
            "status": "busy" if busy else "free",
            "start": wall_instant(start, chart.site.zone),
            "end": _end(chart, start),
        }
    )
    if busy:
        _add_appointment(chart, slot, schedule)


def _end(chart: Chart, start: datetime) -> str:
    end = datetime.fromisoformat(wall_instant(start, chart.site.zone)).timestamp() + _LENGTH.total_seconds()
    return datetime.fromtimestamp(end, chart.site.zone).isoformat()


def _add_appointment(chart: Chart, slot: Resource, schedule: Resource) -> None:
    patient = chart.rng.randrange(1, len(chart.records["Patient"]) + 1)
    active = not chart.chance(0.04)
    status = chart.pick(("booked", "booked", "arrived", "fulfilled")) if active else "cancelled"
    participants = [{"reference": f"Patient/{patient}"}, schedule["actor"][0], {"reference": "Location/1"}]
    chart.add(
        {
            "resourceType": "Appointment",
            "status": status,
            "appointmentType": {"text": chart.pick(VISIT_TYPES)},
            "start": slot["start"],
            "end": slot["end"],
            "minutesDuration": int(_LENGTH.total_seconds() // 60),
            "slot": [reference(slot)],
            "created": f"2026-01-{chart.rng.randrange(5, 31):02}",
            "participant": [{"actor": actor, "status": "accepted"} for actor in participants],
        },
        active=active,
    )
