"""Requests of each app, in spellings that Halo reads alike."""

from typing import Any

import msgspec

from benchmarks.day.asgi_client import Request

Resource = dict[str, Any]

#: Today's appointments: as dates, as local times in a form, and in another order with other escapes.
TODAYS_APPOINTMENTS = {
    "board": Request("GET", "Appointment?date=ge2026-06-22&date=lt2026-06-23&_count=200"),
    "panel": Request(
        "POST", "Appointment/_search", b"_count=200&date=ge2026-06-22T00:00:00&date=lt2026-06-23T00:00:00"
    ),
    "check-in": Request("GET", "Appointment?_count=200&date=lt2026-06-23&date=ge2026-06-22T00%3A00%3A00"),
}
#: Resources that the appointments reference.
DIRECTORY_REQUESTS = {
    "board": (
        Request("GET", "Practitioner?active=true&_count=100"),
        Request("GET", "Location?_count=100"),
    ),
    "panel": (Request("GET", "PractitionerRole?_include=PractitionerRole:practitioner&_count=100"),),
    "check-in": (Request("GET", "Practitioner?_count=100&active=true"),),
}
CLINICAL_TYPES = ("AllergyIntolerance", "MedicationStatement", "Immunization", "Condition")
SYNC_REQUESTS = (
    *(
        Request("GET", f"{type_}?_lastUpdated=ge2026-06-21T02:00:00&_count=50")
        for type_ in ("Patient", "Appointment", *CLINICAL_TYPES)
    ),
    Request("GET", "Appointment?date=ge2026-06-22&date=lt2026-07-06&_count=50&_include=Appointment:patient"),
)
_DAYS = ("2026-06-22", "2026-06-23", "2026-06-24", "2026-06-25")


def read_patient(identity: str) -> Request:
    """Read of a patient."""
    return Request("GET", f"Patient/{identity}")


def chart_lists(app: str, identity: str) -> tuple[Request, ...]:
    """The four lists of a chart. The panel sends patient ids in a form, not in URLs, as Halo advises."""
    if app == "panel":
        body = f"_count=50&patient=Patient%2F{identity}".encode()
        return tuple(Request("POST", f"{type_}/_search", body) for type_ in CLINICAL_TYPES)
    return tuple(Request("GET", f"{type_}?patient={identity}&_count=50") for type_ in CLINICAL_TYPES)


def free_slots(days_ahead: int, *, with_schedules: bool) -> tuple[Request, ...]:
    """Free slots of a day; also the schedules for the first search of a person."""
    day, after = _DAYS[days_ahead], _DAYS[days_ahead + 1]
    slots = Request("GET", f"Slot?status=free&start=ge{day}&start=lt{after}&_count=100")
    return (slots, Request("GET", "Schedule?active=true&_count=100")) if with_schedules else (slots,)


def booking(slot: Resource, schedule: Resource, patient_id: str, identity: str) -> Resource:
    """An Appointment in a slot."""
    actors = [{"reference": f"Patient/{patient_id}"}, schedule["actor"][0], {"reference": "Location/1"}]
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


def create(resource: Resource) -> Request:
    """Create of a resource; the practice chooses its id."""
    content = {name: value for name, value in resource.items() if name != "id"}
    return Request("POST", resource["resourceType"], msgspec.json.encode(content))


def update(resource: Resource) -> Request:
    """Update of a resource."""
    return Request("PUT", f"{resource['resourceType']}/{resource['id']}", msgspec.json.encode(resource))
