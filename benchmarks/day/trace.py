"""A day of an integrator's traffic with one practice, generated from a seed.

The practice is the emulator's Brisbane with 600 patients: eight practitioners, twelve half-hour slots each,
56 of 96 booked beforehand. Monday 22 June 2026, local time; screens are on from 7:30 to 18:30.

One integrator, one subscription key, three apps. Halo has no users and requires only the key; staff sign in
at the apps. The three apps are therefore one caller, without any configuration. Each names itself in its
User-Agent, by which a gateway can be configured to recognise it: what polls today's appointments for
check-in names itself `check-in-screen`, what searches and books `check-in`, the nightly job `sync`.

- *board*: the waiting room's screen, three desks, the nurses' station. Five clients, every 30 s: today's
  appointments, and the practitioners and locations that they reference (Appointments contain no names).
- *panel*: beside the practice software on eight doctors' and two nurses' computers. Ten clients, every 60 s:
  today's appointments, and the roles with their practitioners.
- *check-in*: a kiosk every 30 s, and a server that sends reminders every 60 s: today's appointments, and the
  practitioners.

A client starts with its computer and then polls by its own timer (2 % early or late), so that clients are not
synchronised. Each app spells the same request differently, always in a way that Halo reads alike: the same
trace is replayed directly to Halo.

- *patient*: a chart is opened at the desk when a patient arrives, by a nurse for 30 %, by the doctor at the
  start, at the desk again for 60 % when the patient leaves: the Patient and four lists at once, and the usual
  doctor and the practice for the heading. Changing the tab requests the Patient and one list again, none to
  three times, 3 to 25 s apart. For 25 % a second user opens the same chart within 20 s, in either app.
- *slots*: 120 people a day search for a time on the web, from 7:00 to 22:00, three to five searches on one of
  the next three days, 8 to 40 s apart.
- *sync*: at 2:00, what changed since yesterday by type, and the next fortnight's appointments for reminders,
  50 to a page.
- *write*: six in ten of these people book a later time on the same day while there is one (29 of about 80
  visits: a third is booked on the day), and half of the arrivals are entered at the kiosk. The writing app
  reads today's appointments right afterwards.

The practice software changes its data without notifying Halo: arrivals at the desk, ends of visits, a note in
two visits of three, a corrected telephone number of one patient in ten.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from benchmarks.day import app_requests
from benchmarks.day.asgi_client import Request
from benchmarks.day.events import HOUR, Call, Change, Event, Resource
from benchmarks.day.virtual import MIDNIGHT
from gateway.emulator.data.records import Record

OPEN, CLOSE = 7.5 * HOUR, 18.5 * HOUR
BOOKING_RATIO = 0.6
#: Names in the User-Agent of what polls, by app; what books calls itself `check-in`.
SCREENS = {"board": "board", "panel": "panel", "check-in": "check-in-screen"}


@dataclass(frozen=True)
class Visit:
    """An appointment from arrival to departure; `start` in seconds of the day."""

    appointment: Resource
    start: float

    @property
    def patient(self) -> str:
        """Id of the patient."""
        return str(self.appointment["participant"][0]["actor"]["reference"]).removeprefix("Patient/")


class Day:
    """Events of a day, generated from the rows of a practice by type."""

    def __init__(self, rows: dict[str, list[Record]], seed: int = 6) -> None:
        self._all_rows = {name: [record.resource for record in records] for name, records in rows.items()}
        self._rows = {
            name: [record.resource for record in records if record.active] for name, records in rows.items()
        }
        self._patients = {row["id"]: row for row in self._rows["Patient"]}
        self._rng = Random(seed)
        self.events: list[Event] = []
        self._app_writes: list[Change] = []
        self._add_sync()
        self._add_polling()
        visits = [Visit(row, _start_seconds(row)) for row in self._rows["Appointment"] if _is_today(row)]
        visits = [visit for visit in visits if visit.patient in self._patients]
        for visit in sorted([*visits, *self._add_bookings()], key=lambda visit: visit.start):
            self._add_visit(visit)
        self.events.sort(key=lambda event: event.at)

    def between(self, start: float, end: float) -> list[Event]:
        """Events of a part of the day, preceded by the changes before it."""
        changes = [event for event in self.events if isinstance(event, Change)]
        before = sorted(change for change in (*changes, *self._app_writes) if change.at < start)
        return [*before, *(event for event in self.events if start <= event.at < end)]

    def _add_calls(self, at: float, kind: str, app: str, *requests: Request, pages: bool = False) -> None:
        self.events += (Call(at, kind, replace(request, app=app), pages) for request in requests)

    def _add_polling(self) -> None:
        for app, interval in (
            *[("board", 30)] * 5,
            *[("panel", 60)] * 10,
            ("check-in", 30),
            ("check-in", 60),
        ):
            at = OPEN + self._rng.uniform(0, 300)
            while at < CLOSE:
                screen = SCREENS[app]
                self._add_calls(at, "poll", screen, app_requests.TODAYS_APPOINTMENTS[app])
                self._add_calls(at, "directory", screen, *app_requests.DIRECTORY_REQUESTS[app])
                at += interval * self._rng.uniform(0.98, 1.02)

    def _add_sync(self) -> None:
        for number, request in enumerate(app_requests.SYNC_REQUESTS):
            self._add_calls(2 * HOUR + 20 * number, "sync", "sync", request, pages=True)

    def _add_bookings(self) -> Iterator[Visit]:
        """Visits that people book, at least half an hour after the booking."""
        free = [row for row in self._rows["Slot"] if _is_today(row) and row["status"] == "free"]
        last = max(int(row["id"]) for row in self._all_rows["Appointment"])
        for at in self._add_slot_searches():
            later = [row for row in free if _start_seconds(row) > at + 1800]
            if later and self._rng.random() < BOOKING_RATIO:
                free.remove(slot := self._rng.choice(later))
                last += 1
                appointment = app_requests.booking(
                    slot, self._schedule_of(slot), self._random_patient(), str(last)
                )
                self._add_write(at, appointment, app_requests.create(appointment))
                yield Visit(appointment, _start_seconds(slot))

    def _add_slot_searches(self) -> list[float]:
        """Add the searches for free slots and return the times at which they end."""
        ends = []
        for _ in range(120):
            at = self._rng.uniform(7 * HOUR, 22 * HOUR)
            for number in range(self._rng.randrange(3, 6)):
                at += self._rng.uniform(8, 40)
                self._add_calls(
                    at,
                    "slots",
                    "check-in",
                    *app_requests.free_slots(self._rng.randrange(3), with_schedules=not number),
                )
            ends.append(at + 20)
        return sorted(ends)

    def _add_visit(self, visit: Visit) -> None:
        rng, start, identity = self._rng, visit.start, visit.appointment["id"]
        arrival, departure = start - rng.uniform(120, 900), start + rng.uniform(720, 1500)
        if rng.random() < 0.5:
            arrived = {**visit.appointment, "status": "arrived"}
            self._add_write(arrival, arrived, app_requests.update(arrived))
        else:
            self.events.append(Change(arrival, "Appointment", identity, {"status": "arrived"}))
        self._add_chart(arrival + rng.uniform(5, 60), "board", visit.patient)
        if rng.random() < 0.3:
            self._add_chart(arrival + rng.uniform(60, 110), "panel", visit.patient)
        self._add_chart(start + rng.uniform(-60, 360), "panel", visit.patient)
        if rng.random() < 0.6:
            self._add_chart(departure, "board", visit.patient)
        self._add_practice_changes(visit, departure)

    def _add_practice_changes(self, visit: Visit, departure: float) -> None:
        """Add the changes of the practice software during a visit."""
        rng, identity = self._rng, visit.appointment["id"]
        self.events.append(Change(departure - 30, "Appointment", identity, {"status": "fulfilled"}))
        reference = {"reference": f"Patient/{visit.patient}"}
        notes = [row for row in self._rows["Condition"] if row["subject"] == reference]
        if notes and rng.random() < 0.67:
            note = {"note": [{"text": "Reviewed today"}]}
            self.events.append(
                Change(departure - rng.uniform(30, 400), "Condition", rng.choice(notes)["id"], note)
            )
        if rng.random() < 0.1:
            number = {"telecom": [{"system": "phone", "value": f"0491 570 {rng.randrange(1000):03}"}]}
            self.events.append(Change(departure + rng.uniform(0, 40), "Patient", visit.patient, number))

    def _add_chart(self, at: float, app: str, patient: str, *, second: bool = False) -> None:
        rng, doctor = self._rng, self._doctor_of(patient)
        self._add_calls(
            at, "patient", app, app_requests.read_patient(patient), *app_requests.chart_lists(app, patient)
        )
        self._add_calls(
            at, "directory", app, Request("GET", f"Practitioner/{doctor}"), Request("GET", "Organization/1")
        )
        next_at = at
        for _ in range(rng.randrange(4)):
            next_at += rng.uniform(3, 25)
            self._add_calls(
                next_at,
                "patient",
                app,
                app_requests.read_patient(patient),
                rng.choice(app_requests.chart_lists(app, patient)),
            )
        if not second and rng.random() < 0.25:
            self._add_chart(at + rng.uniform(1, 20), rng.choice(("board", "panel")), patient, second=True)

    def _add_write(self, at: float, row: Resource, request: Request) -> None:
        """Add a write of the check-in app and the read after it."""
        self._app_writes.append(Change(at, row["resourceType"], row["id"], row))
        self._add_calls(at, "write", "check-in", request)
        self._add_calls(at + 1.5, "poll", "check-in", app_requests.TODAYS_APPOINTMENTS["check-in"])

    def _doctor_of(self, patient: str) -> str:
        reference = self._patients[patient]["generalPractitioner"][0]["reference"]
        return str(reference).removeprefix("Practitioner/")

    def _random_patient(self) -> str:
        return str(self._rng.choice(list(self._patients)))

    def _schedule_of(self, slot: Resource) -> Resource:
        schedule_id = slot["schedule"]["reference"].removeprefix("Schedule/")
        return next(Schedule for Schedule in self._rows["Schedule"] if Schedule["id"] == schedule_id)


def _start_seconds(row: Resource) -> float:
    """Start of an appointment or slot in seconds of the day."""
    return (datetime.fromisoformat(row["start"]) - MIDNIGHT).total_seconds()


def _is_today(row: Resource) -> bool:
    return 0 <= _start_seconds(row) < 24 * HOUR
