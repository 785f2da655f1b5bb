"""How each app spells what it asks: only in ways that Halo itself reads alike."""

from typing import Any

import msgspec

from benchmarks.day.asking import Request

Resource = dict[str, Any]

#: Today's appointments: as dates, as wall times in a form, and in another order with other escapes.
TODAY = {
    "board": Request("GET", "Appointment?date=ge2026-06-22&date=lt2026-06-23&_count=200"),
    "panel": Request(
        "POST", "Appointment/_search", b"_count=200&date=ge2026-06-22T00:00:00&date=lt2026-06-23T00:00:00"
    ),
    "check-in": Request("GET", "Appointment?_count=200&date=lt2026-06-23&date=ge2026-06-22T00%3A00%3A00"),
}
#: What the list's references name.
NAMES = {
    "board": (
        Request("GET", "Practitioner?active=true&_count=100"),
        Request("GET", "Location?_count=100"),
    ),
    "panel": (Request("GET", "PractitionerRole?_include=PractitionerRole:practitioner&_count=100"),),
    "check-in": (Request("GET", "Practitioner?_count=100&active=true"),),
}
CLINICAL = ("AllergyIntolerance", "MedicationStatement", "Immunization", "Condition")
SYNC = (
    *(
        Request("GET", f"{each}?_lastUpdated=ge2026-06-21T02:00:00&_count=50")
        for each in ("Patient", "Appointment", *CLINICAL)
    ),
    Request("GET", "Appointment?date=ge2026-06-22&date=lt2026-07-06&_count=50&_include=Appointment:patient"),
)
_DAYS = ("2026-06-22", "2026-06-23", "2026-06-24", "2026-06-25")


def patient(identity: str) -> Request:
    """A patient by id."""
    return Request("GET", f"Patient/{identity}")


def lists(app: str, identity: str) -> tuple[Request, ...]:
    """The four lists of a chart. The panel keeps what names a person out of URLs, as Halo advises."""
    if app == "panel":
        body = f"_count=50&patient=Patient%2F{identity}".encode()
        return tuple(Request("POST", f"{each}/_search", body) for each in CLINICAL)
    return tuple(Request("GET", f"{each}?patient={identity}&_count=50") for each in CLINICAL)


def free_times(ahead: int, *, schedules: bool) -> tuple[Request, ...]:
    """A day's free slots; with whose they are, for the first look."""
    day, after = _DAYS[ahead], _DAYS[ahead + 1]
    slots = Request("GET", f"Slot?status=free&start=ge{day}&start=lt{after}&_count=100")
    return (slots, Request("GET", "Schedule?active=true&_count=100")) if schedules else (slots,)


def booking(slot: Resource, schedule: Resource, who: str, identity: str) -> Resource:
    """An Appointment in a slot."""
    actors = [{"reference": f"Patient/{who}"}, schedule["actor"][0], {"reference": "Location/1"}]
    return {
        "resourceType": "Appointment",
        "id": identity,
        "status": "booked",
        "start": slot["start"],
        "end": slot["end"],
        "minutesDuration": 30,
        "slot": [{"reference": f"Slot/{slot['id']}"}],
        "created": "2026-06-22",
        "participant": [{"actor": actor, "status": "accepted"} for actor in actors],
    }


def create(made: Resource) -> Request:
    """A new row; its id is the practice's to choose."""
    content = {name: value for name, value in made.items() if name != "id"}
    return Request("POST", made["resourceType"], msgspec.json.encode(content))


def update(changed: Resource) -> Request:
    """A row as it shall be."""
    return Request("PUT", f"{changed['resourceType']}/{changed['id']}", msgspec.json.encode(changed))
