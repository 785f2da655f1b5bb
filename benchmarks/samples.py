"""Synthetic upstream responses of any size."""

import json
from collections.abc import Callable
from typing import Any

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
BASE = f"integrator/sites/{GUID}/fhir/R4"
PATIENT = f"{BASE}/Patient/p-1"
SEARCH = f"{BASE}/Appointment"
DIRECTORY = f"{BASE}/Organization"

MakeResource = Callable[[int, str], dict[str, Any]]

#: `lastUpdated` that needs no repair, and a local time without an offset that does.
CLEAN, NAIVE = "2026-05-04T03:02:01Z", "2026-05-04T13:02:01"


def patient(size: int) -> bytes:
    """A Patient of about that many bytes that needs no repair."""
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": "p-1",
        "meta": {"versionId": "1", "lastUpdated": CLEAN},
        "name": [{"family": "Example", "given": ["Robin"]}],
        "birthDate": "1980-02-03",
        "contact": [],
    }
    contact = {"name": {"text": "Sample Person"}, "telecom": [{"system": "phone", "value": "0491 570 006"}]}
    resource["contact"] = [contact] * (size // len(_encode(contact)))
    return _encode(resource)


def searchset(size: int, upstream: str, stamp: str = CLEAN) -> bytes:
    """A page of about that many bytes whose links and `fullUrl`s are on the upstream's base."""
    return _page("Appointment", _appointment, size, upstream, stamp)


def directory(size: int, upstream: str) -> bytes:
    """A page of Organizations of about that many bytes, with the same links; they have long lifetimes."""
    return _page("Organization", _organization, size, upstream, CLEAN)


def _page(type_: str, resource: MakeResource, size: int, upstream: str, stamp: str) -> bytes:
    base = f"{upstream}/{BASE}"
    entry_bytes = len(_encode(_entry(base, resource(0, stamp))))
    entries = [_entry(base, resource(number, stamp)) for number in range(size // entry_bytes)]
    links = {"self": f"{type_}?_count=50", "next": f"{type_}?_count=50&_offset=50"}
    return _encode(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(entries),
            "link": [{"relation": name, "url": f"{base}/{rest}"} for name, rest in links.items()],
            "entry": entries,
        }
    )


def _organization(number: int, stamp: str) -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "id": f"o-{number}",
        "meta": {"versionId": "1", "lastUpdated": stamp},
        "identifier": [{"system": "https://example.org/organizations", "value": f"{number:08}"}],
        "active": True,
        "name": f"Example Street Medical Centre {number}",
        "telecom": [
            {"system": "phone", "value": "07 5550 0000", "use": "work"},
            {"system": "email", "value": f"desk-{number}@example.org", "use": "work"},
        ],
        "address": [{"line": [f"{number} Example Street"], "city": "Brisbane", "postalCode": "4000"}],
    }


def _appointment(number: int, stamp: str) -> dict[str, Any]:
    actors = [f"{kind}/{number}" for kind in ("Patient", "Practitioner", "Location")]
    return {
        "resourceType": "Appointment",
        "id": f"a-{number}",
        "meta": {"versionId": "1", "lastUpdated": stamp},
        "identifier": [{"system": "https://example.org/appointments", "value": f"{number:08}"}],
        "status": "booked",
        "appointmentType": {"coding": [{"code": "ROUTINE", "display": "Routine"}], "text": "Standard"},
        "description": "A synthetic appointment, long enough for a line",
        "comment": "Seen before; bring the letter of the last visit and the list of medicines",
        "start": "2026-05-04T09:00:00+10:00",
        "end": "2026-05-04T09:15:00+10:00",
        "minutesDuration": 15,
        "participant": [
            {"actor": {"reference": actor}, "required": "required", "status": "accepted"} for actor in actors
        ],
    }


def _entry(base: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}",
        "resource": resource,
        "search": {"mode": "match"},
    }


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
