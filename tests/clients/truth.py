"""Expected content of a search for all appointments, from the emulator's tables."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from conftest import Pair


@dataclass(frozen=True)
class SearchContent:
    """Ids of the matches, `Type/id` of the included resources, and the number of pages."""

    matches: frozenset[str]
    included: frozenset[str]
    pages: int


def content_of_pages(pages: Iterable[dict[str, Any]]) -> SearchContent:
    """Content of all pages. Fails if a match occurs twice."""
    entries = [(number, entry) for number, page in enumerate(pages, 1) for entry in page.get("entry", [])]
    matches = [entry["resource"]["id"] for _, entry in entries if entry["search"]["mode"] == "match"]
    assert len(set(matches)) == len(matches), "a match occurs twice"
    included = (entry["resource"] for _, entry in entries if entry["search"]["mode"] == "include")
    return SearchContent(
        frozenset(matches), frozenset(map(_reference, included)), entries[-1][0] if entries else 0
    )


def expected_content(pair: Pair, guid: str, pages: int) -> SearchContent:
    """All active appointments, and all active patients that they reference."""
    appointments = _active_resources(pair, guid, "Appointment")
    patients = {_reference(patient) for patient in _active_resources(pair, guid, "Patient")}
    references = {
        actor["actor"]["reference"]
        for appointment in appointments
        for actor in appointment["participant"]
        if "reference" in actor.get("actor", {})
    }
    return SearchContent(
        frozenset(appointment["id"] for appointment in appointments), frozenset(references & patients), pages
    )


def _active_resources(pair: Pair, guid: str, kind: str) -> list[dict[str, Any]]:
    rows = pair.emulator.control("GET", f"truth/{guid}/{kind}")
    return [row["resource"] for row in rows if row["active"]]


def _reference(resource: dict[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


#: Every link form of the emulator, with each kind of paging at least twice.
LINKS = [
    {"link_form": form, "paging": paging}
    for form, paging in (
        ("absolute-public", "token"),
        ("absolute-internal", "offset"),
        ("api", "page"),
        ("integrator", "token"),
        ("desktop", "offset"),
        ("root-relative", "page"),
        ("query-only", "offset"),
    )
]
