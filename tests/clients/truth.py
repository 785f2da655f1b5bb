"""What a search over all appointments must bring, from the emulator's own tables."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from conftest import Pair


@dataclass(frozen=True)
class Found:
    """Ids of the matches, `Type/id` of what was included, and how many pages it took."""

    matches: frozenset[str]
    included: frozenset[str]
    pages: int


def collected(pages: Iterable[dict[str, Any]]) -> Found:
    """The sum of all pages; a match that comes twice is an error."""
    entries = [(number, entry) for number, page in enumerate(pages, 1) for entry in page.get("entry", [])]
    matches = [entry["resource"]["id"] for _, entry in entries if entry["search"]["mode"] == "match"]
    assert len(set(matches)) == len(matches), "a match came twice"
    included = (entry["resource"] for _, entry in entries if entry["search"]["mode"] == "include")
    return Found(frozenset(matches), frozenset(map(_name, included)), entries[-1][0] if entries else 0)


def truth(pair: Pair, guid: str, pages: int) -> Found:
    """Every active appointment, and every active patient that one of them names."""
    appointments = _active(pair, guid, "Appointment")
    patients = {_name(each) for each in _active(pair, guid, "Patient")}
    named = {
        actor["actor"]["reference"]
        for each in appointments
        for actor in each["participant"]
        if "reference" in actor.get("actor", {})
    }
    return Found(frozenset(each["id"] for each in appointments), frozenset(named & patients), pages)


def _active(pair: Pair, guid: str, kind: str) -> list[dict[str, Any]]:
    rows = pair.emulator.control("GET", f"truth/{guid}/{kind}")
    return [row["resource"] for row in rows if row["active"]]


def _name(resource: dict[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


#: Every way in which the emulator can spell links, with each kind of paging at least twice.
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
