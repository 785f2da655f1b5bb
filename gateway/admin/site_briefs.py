"""List of all sites with what it costs little to read, for operators of many practices."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.admin.site_status import SiteStatusReader
from gateway.exchange import Site
from gateway.resilience.circuit import CLOSED, Circuit
from gateway.resilience.pause_rules import Pause
from gateway.sites.mounted_names import mount_in, mounted_name

_NO_LOAD: Final = (0, 0)
_NO_PAUSES: Mapping[str, Pause] = MappingProxyType({})


class Trouble(IntEnum):
    """What is wrong with a site, the worst first."""

    CIRCUIT_OPEN = 0
    PAUSED = 1
    TRIAL = 2
    NO_TIME_ZONE = 3
    FAILING = 4
    WAITING = 5
    NONE = 6


_TROUBLES: Final = tuple(Trouble)


def trouble_of(state: str, failures: int, *, is_paused: bool, lacks_zone: bool, is_waiting: bool) -> Trouble:
    """Return the worst trouble of a site; `state` and `failures` are those of its circuit."""
    found = state == "open", is_paused, state == "half-open", lacks_zone, failures > 0, is_waiting, True
    return _TROUBLES[found.index(True)]


class SiteBrief(NamedTuple):
    """What a list of many sites shows of one, without a look-up of its own in a shared store.

    `engine` and `broken_issues` (a number) are as this process knows them. `has_zone`: it has a time zone.
    """

    guid: str
    name: str
    is_configured: bool
    circuit: Circuit
    pauses: Mapping[str, Pause]
    in_flight: int
    queue_length: int
    engine: str
    broken_issues: int
    has_zone: bool
    dates_verified_by: str


class BriefSelection(NamedTuple):
    """Which sites a list shows: whose name or GUID contains a text, behind how many, and at most how many.

    Without `limit` it shows all.
    """

    is_troubled: bool = False
    contains: str = ""
    limit: int | None = None
    offset: int = 0


class BriefList(NamedTuple):
    """Briefs of the sites that a selection shows, the number that it finds, and that of all sites."""

    briefs: list[SiteBrief]
    found: int
    total: int


class _Row(NamedTuple):
    """A site in the order of the list."""

    trouble: Trouble
    sort_name: str
    guid: str
    name: str
    site: Site | None


async def read_site_briefs(reader: SiteStatusReader, selection: BriefSelection) -> BriefList:
    """Read configured sites, and others with an open circuit, pause or load, the most troubled first.

    Only what orders the sites is read for all: a page shows few of thousands.
    """
    circuits, pauses, load = await reader.circuits(), await reader.pauses_by_site(), reader.load()
    now, rows = reader.now(), list[_Row]()
    guids = {*load, *circuits, *pauses} - {""}
    for guid in guids:
        site = reader.find_site(guid)
        name = mounted_name(mount_in(guid), site.name) if site else reader.site_name(guid)
        circuit = circuits.get(guid)
        trouble = trouble_of(
            circuit.state(now) if circuit else "closed",
            circuit.failures if circuit else 0,
            is_paused=guid in pauses,
            lacks_zone=site is None and reader.is_configured(guid),
            is_waiting=load.get(guid, _NO_LOAD)[1] > 0,
        )
        rows.append(_Row(trouble, name.lower(), guid, name, site))
    found = sorted(_rows_of_selection(rows, selection))  # not by site: the GUIDs before it differ
    briefs = [
        SiteBrief(
            row.guid,
            row.name,
            reader.is_configured(row.guid),
            circuits.get(row.guid, CLOSED),
            pauses.get(row.guid, _NO_PAUSES),
            *load.get(row.guid, _NO_LOAD),
            *reader.known_engine(row.guid),
            row.site is not None,
            row.site.verified_by if row.site else "",
        )
        for row in found[selection.offset :][: selection.limit]
    ]
    return BriefList(briefs, len(found), len(guids))


def _rows_of_selection(rows: list[_Row], selection: BriefSelection) -> list[_Row]:
    if selection.is_troubled:
        rows = [row for row in rows if row.trouble is not Trouble.NONE]
    wanted = selection.contains.strip().lower()
    return [row for row in rows if wanted in row.sort_name or wanted in row.guid] if wanted else rows
