"""A day of an integrator's traffic with one practice, from a seed: what is asked when, by whom, how spelt.

The practice is the emulator's Brisbane with 600 patients: eight practitioners, twelve half-hour slots each,
56 of 96 booked beforehand. Monday 22 June 2026, local time; screens are on from 7:30 to 18:30.

One integrator, one subscription key, three apps. Halo knows no users, the key is all it asks for, so neither
do these requests: staff sign in at the apps. The three are thereby one caller; nothing is configured for it.

- *board*: the waiting room's screen, three desks, the nurses' station. Five clients, every 30 s: today's
  appointments, and the practitioners and locations that their references name (Appointments hold no names).
- *panel*: beside the practice software on eight doctors' and two nurses' computers. Ten clients, every 60 s:
  today's appointments, and the roles with their practitioners.
- *check-in*: a kiosk every 30 s, and a server that sends reminders every 60 s: today's appointments, and the
  practitioners.

A client starts when its computer does and then asks by its own timer (2 % early or late), so that clients do
not ask in step. Each app spells the same question in its own way, always one that Halo itself reads alike:
the same trace goes to Halo straight.

- *patient*: a chart is opened at the desk when a patient arrives, by a nurse for 30 %, by the doctor at the
  start, at the desk again for 60 % when they leave: the Patient and four lists at once, and the usual doctor
  and the practice for the heading. Going from tab to tab asks for the Patient and one list again, none to
  three times, 3 to 25 s apart. For a quarter somebody else opens the same chart within 20 s, in either app.
- *slots*: 120 people a day look for a time on the web, from 7:00 to 22:00, three to five looks at one of the
  next three days, 8 to 40 s apart.
- *sync*: at 2:00, what changed since yesterday by type, and the next fortnight's appointments for reminders,
  50 to a page.
- *write*: six in ten of those who look for a time book one later that day while there is one (29 of some 80
  visits: a third is booked on the day), and half of the arrivals are told to the kiosk. The app that wrote
  looks at today's appointments right afterwards.

The practice software itself changes what it holds and tells nobody: arrivals at the desk, ends of visits, a
note in two visits of three, a corrected telephone number of one patient in ten.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

from benchmarks.day import spelling
from benchmarks.day.asking import Request
from benchmarks.day.events import HOUR, Call, Change, Event, Resource
from benchmarks.day.virtual import MIDNIGHT
from gateway.emulator.data.records import Record

OPEN, SHUT = 7.5 * HOUR, 18.5 * HOUR
BOOKS = 0.6


@dataclass(frozen=True)
class Visit:
    """One appointment from arrival to leaving; `start` in seconds of the day."""

    appointment: Resource
    start: float

    @property
    def patient(self) -> str:
        """The id of the patient."""
        return str(self.appointment["participant"][0]["actor"]["reference"]).removeprefix("Patient/")


class Day:
    """The events of a day, made from the rows of a practice by type and id."""

    def __init__(self, rows: dict[str, list[Record]], seed: int = 6) -> None:
        self._all = {name: [each.resource for each in found] for name, found in rows.items()}
        self._rows = {name: [each.resource for each in found if each.active] for name, found in rows.items()}
        self._patients = {each["id"]: each for each in self._rows["Patient"]}
        self._rng = Random(seed)
        self.events: list[Event] = []
        self._writes: list[Change] = []
        self._sync()
        self._screens()
        visits = [Visit(each, _seconds(each)) for each in self._rows["Appointment"] if _today(each)]
        visits = [each for each in visits if each.patient in self._patients]
        for visit in sorted([*visits, *self._bookings()], key=lambda each: each.start):
            self._visit(visit)
        self.events.sort(key=lambda each: each.at)

    def between(self, start: float, end: float) -> list[Event]:
        """The events of a part of the day, after what had changed until then."""
        own = [each for each in self.events if isinstance(each, Change)]
        before = sorted(each for each in (*own, *self._writes) if each.at < start)
        return [*before, *(each for each in self.events if start <= each.at < end)]

    def _ask(self, at: float, kind: str, *requests: Request, pages: bool = False) -> None:
        self.events += (Call(at, kind, each, pages) for each in requests)

    def _screens(self) -> None:
        for app, every in (*[("board", 30)] * 5, *[("panel", 60)] * 10, ("check-in", 30), ("check-in", 60)):
            at = OPEN + self._rng.uniform(0, 300)
            while at < SHUT:
                self._ask(at, "poll", spelling.TODAY[app])
                self._ask(at, "directory", *spelling.NAMES[app])
                at += every * self._rng.uniform(0.98, 1.02)

    def _sync(self) -> None:
        for number, each in enumerate(spelling.SYNC):
            self._ask(2 * HOUR + 20 * number, "sync", each, pages=True)

    def _bookings(self) -> Iterator[Visit]:
        """The visits that come of looks for a free time; each at least half an hour after its booking."""
        free = [each for each in self._rows["Slot"] if _today(each) and each["status"] == "free"]
        last = max(int(each["id"]) for each in self._all["Appointment"])
        for at in self._looks():
            later = [each for each in free if _seconds(each) > at + 1800]
            if later and self._rng.random() < BOOKS:
                free.remove(slot := self._rng.choice(later))
                last += 1
                made = spelling.booking(slot, self._schedule(slot), self._someone(), str(last))
                self._write(at, made, spelling.create(made))
                yield Visit(made, _seconds(slot))

    def _looks(self) -> list[float]:
        """When people have found a time that suits them; what they asked for on the way."""
        ends = []
        for _ in range(120):
            at = self._rng.uniform(7 * HOUR, 22 * HOUR)
            for number in range(self._rng.randrange(3, 6)):
                at += self._rng.uniform(8, 40)
                self._ask(at, "slots", *spelling.free_times(self._rng.randrange(3), schedules=not number))
            ends.append(at + 20)
        return sorted(ends)

    def _visit(self, visit: Visit) -> None:
        rng, start, identity = self._rng, visit.start, visit.appointment["id"]
        came, left = start - rng.uniform(120, 900), start + rng.uniform(720, 1500)
        if rng.random() < 0.5:
            arrived = {**visit.appointment, "status": "arrived"}
            self._write(came, arrived, spelling.update(arrived))
        else:
            self.events.append(Change(came, "Appointment", identity, {"status": "arrived"}))
        self._chart(came + rng.uniform(5, 60), "board", visit.patient)
        if rng.random() < 0.3:
            self._chart(came + rng.uniform(60, 110), "panel", visit.patient)
        self._chart(start + rng.uniform(-60, 360), "panel", visit.patient)
        if rng.random() < 0.6:
            self._chart(left, "board", visit.patient)
        self._practice(visit, left)

    def _practice(self, visit: Visit, left: float) -> None:
        """What the practice software writes during a visit."""
        rng, identity = self._rng, visit.appointment["id"]
        self.events.append(Change(left - 30, "Appointment", identity, {"status": "fulfilled"}))
        mine = {"reference": f"Patient/{visit.patient}"}
        notes = [each for each in self._rows["Condition"] if each["subject"] == mine]
        if notes and rng.random() < 0.67:
            note = {"note": [{"text": "Reviewed today"}]}
            self.events.append(
                Change(left - rng.uniform(30, 400), "Condition", rng.choice(notes)["id"], note)
            )
        if rng.random() < 0.1:
            number = {"telecom": [{"system": "phone", "value": f"0491 570 {rng.randrange(1000):03}"}]}
            self.events.append(Change(left + rng.uniform(0, 40), "Patient", visit.patient, number))

    def _chart(self, at: float, app: str, patient: str, *, second: bool = False) -> None:
        rng, doctor = self._rng, self._doctor(patient)
        self._ask(at, "patient", spelling.patient(patient), *spelling.lists(app, patient))
        self._ask(at, "directory", Request("GET", f"Practitioner/{doctor}"), Request("GET", "Organization/1"))
        again = at
        for _ in range(rng.randrange(4)):
            again += rng.uniform(3, 25)
            self._ask(again, "patient", spelling.patient(patient), rng.choice(spelling.lists(app, patient)))
        if not second and rng.random() < 0.25:
            self._chart(at + rng.uniform(1, 20), rng.choice(("board", "panel")), patient, second=True)

    def _write(self, at: float, row: Resource, request: Request) -> None:
        """The check-in app writes, and looks at what came of it."""
        self._writes.append(Change(at, row["resourceType"], row["id"], row))
        self._ask(at, "write", request)
        self._ask(at + 1.5, "poll", spelling.TODAY["check-in"])

    def _doctor(self, patient: str) -> str:
        found = self._patients[patient]["generalPractitioner"][0]["reference"]
        return str(found).removeprefix("Practitioner/")

    def _someone(self) -> str:
        return str(self._rng.choice(list(self._patients)))

    def _schedule(self, slot: Resource) -> Resource:
        wanted = slot["schedule"]["reference"].removeprefix("Schedule/")
        return next(each for each in self._rows["Schedule"] if each["id"] == wanted)


def _seconds(row: Resource) -> float:
    """When it starts, in seconds of the day."""
    return (datetime.fromisoformat(row["start"]) - MIDNIGHT).total_seconds()


def _today(row: Resource) -> bool:
    return 0 <= _seconds(row) < 24 * HOUR
