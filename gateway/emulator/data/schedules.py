"""Schedules, slots and appointments around both changes of daylight saving time in 2026."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final

from gateway.emulator.data.records import (
    PracticeBuilder,
    Resource,
    is_ambiguous_wall_time,
    is_valid_wall_time,
    reference_to,
    wall_time_to_instant,
)
from gateway.emulator.data.terms import VISIT_TYPES

CLOCK_CHANGE_DAYS: Final = (date(2026, 4, 5), date(2026, 10, 4))
_BLOCK_STARTS: Final = (date(2026, 4, 2), date(2026, 6, 22), date(2026, 10, 1))
_DAYS_PER_BLOCK: Final = 6
_DAY_TIMES: Final = tuple(time(hour, minute) for hour in (9, 10, 11, 13, 14, 15) for minute in (0, 30))
_NIGHT_TIMES: Final = (time(0, 30), time(1, 30), time(2, 0), time(2, 30), time(3, 0), time(23, 30))
_SLOT_LENGTH: Final = timedelta(minutes=30)


def add_schedules(builder: PracticeBuilder) -> None:
    """Add a Schedule with Slots per active Practitioner; 60 % of the Slots are busy with an Appointment."""
    for record in builder.records["Practitioner"]:
        if record.active:
            schedule = builder.add(_practitioner_schedule(record.resource))
            for start in _slot_starts(builder):
                _add_slot(builder, schedule, start)


def _slot_starts(builder: PracticeBuilder) -> Iterator[datetime]:
    for first in _BLOCK_STARTS:
        for day in (first + timedelta(days=offset) for offset in range(_DAYS_PER_BLOCK)):
            times = _NIGHT_TIMES + _DAY_TIMES if day in CLOCK_CHANGE_DAYS else _DAY_TIMES
            yield from (datetime.combine(day, start) for start in times)
    for wall in (datetime.combine(day, start) for day in CLOCK_CHANGE_DAYS for start in _NIGHT_TIMES):
        if is_ambiguous_wall_time(wall, builder.site.zone):
            yield wall.replace(fold=1)


def _practitioner_schedule(practitioner: Resource) -> Resource:
    return {
        "resourceType": "Schedule",
        "active": True,
        "actor": [reference_to(practitioner), {"reference": "Location/1"}],
        "planningHorizon": {"start": "2026-01-01", "end": "2026-12-31"},
    }


def _add_slot(builder: PracticeBuilder, schedule: Resource, start: datetime) -> None:
    if not is_valid_wall_time(start, builder.site.zone):
        return
    busy = builder.chance(0.6)
    slot = builder.add(
        {
            "resourceType": "Slot",
            "schedule": reference_to(schedule),
            "status": "busy" if busy else "free",
            "start": wall_time_to_instant(start, builder.site.zone),
            "end": _slot_end(builder, start),
        }
    )
    if busy:
        _add_appointment(builder, slot, schedule)


def _slot_end(builder: PracticeBuilder, start: datetime) -> str:
    end = (
        datetime.fromisoformat(wall_time_to_instant(start, builder.site.zone)).timestamp()
        + _SLOT_LENGTH.total_seconds()
    )
    return datetime.fromtimestamp(end, builder.site.zone).isoformat()


def _add_appointment(builder: PracticeBuilder, slot: Resource, schedule: Resource) -> None:
    patient = builder.rng.randrange(1, len(builder.records["Patient"]) + 1)
    active = not builder.chance(0.04)
    status = builder.pick(("booked", "booked", "arrived", "fulfilled")) if active else "cancelled"
    participants = [{"reference": f"Patient/{patient}"}, schedule["actor"][0], {"reference": "Location/1"}]
    builder.add(
        {
            "resourceType": "Appointment",
            "status": status,
            "appointmentType": {"text": builder.pick(VISIT_TYPES)},
            "start": slot["start"],
            "end": slot["end"],
            "minutesDuration": int(_SLOT_LENGTH.total_seconds() // 60),
            "slot": [reference_to(slot)],
            "created": f"2026-01-{builder.rng.randrange(5, 31):02}",
            "participant": [{"actor": actor, "status": "accepted"} for actor in participants],
        },
        active=active,
    )
