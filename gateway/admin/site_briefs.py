"""List of all sites with what it costs little to read, for operators of many practices."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gateway.admin.site_status import SiteStatusReader
from gateway.resilience.circuit import CLOSED, Circuit
from gateway.resilience.pause_rules import Pause
from gateway.sites.mounted_names import mount_in, mounted_name

_NO_PAUSES: Mapping[str, Pause] = MappingProxyType({})


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

    @property
    def is_troubled(self) -> bool:
        """Whether the site has failures, pauses or a queue, or no time zone."""
        return bool(self.circuit.failures or self.pauses or self.queue_length or not self.has_zone)


async def read_site_briefs(reader: SiteStatusReader) -> list[SiteBrief]:
    """Read all configured sites, and others with an open circuit, pause or load, by GUID."""
    circuits, pauses, load = await reader.circuits(), await reader.pauses_by_site(), reader.load()
    sites = {guid: reader.find_site(guid) for guid in sorted({*load, *circuits, *pauses} - {""})}
    return [
        SiteBrief(
            guid,
            mounted_name(mount_in(guid), site.name) if site else reader.site_name(guid),
            reader.is_configured(guid),
            circuits.get(guid, CLOSED),
            pauses.get(guid, _NO_PAUSES),
            *load.get(guid, (0, 0)),
            *reader.known_engine(guid),
            site is not None,
            site.verified_by if site else "",
        )
        for guid, site in sites.items()
    ]
