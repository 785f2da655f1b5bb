"""Sites of the emulator: invented GUIDs, time zones, engine versions and size limits."""

from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

BRISBANE: Final = "00000000-0000-4000-8000-00000000b415"
SYDNEY: Final = "00000000-0000-4000-8000-000000005d00"
PERTH: Final = "00000000-0000-4000-8000-000000009e47"
#: A GUID that is no longer authoritative (403), as after a change of the practice's server.
RELOCATED_SITE: Final = "00000000-0000-4000-8000-00000000d0d0"


@dataclass(frozen=True)
class Site:
    """A practice with its Halo GUID. `size_limit` in bytes; `patient_share` of the configured patients."""

    guid: str
    name: str
    city: str
    state: str
    zone_name: str
    pms_id: str
    pairing_code: str
    halo_link_version: str
    engine_version: str
    size_limit: int
    patient_share: float
    old_engine: bool = False

    @property
    def zone(self) -> ZoneInfo:
        """The practice's time zone, which Halo's API does not contain."""
        return ZoneInfo(self.zone_name)


_CURRENT_ENGINE: Final = ("26.0619.10213", "26.619.10213.0", 8 * 1024 * 1024)
_OLD_ENGINE: Final = ("23.0829.1114", "23.829.1114.0", 1024 * 1024)

SITES: Final = {
    site.guid: site
    for site in (
        Site(
            BRISBANE, "Halo Clinic Brisbane", "Brisbane", "QLD", "Australia/Brisbane",
            "10001", "BNE001", *_CURRENT_ENGINE, 1.0,
        ),
        Site(
            SYDNEY, "Halo Clinic Sydney", "Sydney", "NSW", "Australia/Sydney",
            "10002", "SYD002", *_CURRENT_ENGINE, 0.4,
        ),
        Site(
            PERTH, "Halo Clinic Perth", "Perth", "WA", "Australia/Perth",
            "10003", "PER003", *_OLD_ENGINE, 0.3, old_engine=True,
        ),
    )
}  # fmt: skip


def site_status(site: Site, availability: str, now: str) -> dict[str, Any]:
    """Build the body of `GET /integrator/sites/{guid}` with deprecated fields (integrator OpenAPI 26.619)."""
    return {
        **site_summary(site, availability),
        "enrichedAt": now,
        "catalogue": [{"name": "BPSPatients", "isDefault": True}],
        "practiceMetadata": {
            "pmsType": "BestPractice",
            "practiceName": site.name,
            "practiceManagementSiteId": site.pms_id,
            "practiceManagementVersion": "1.12.1.1027",
        },
        "name": site.name,
        "practiceManagementSiteId": site.pms_id,
        "practiceManagementName": "Best Practice",
        "practiceManagementVersion": "1.12.1.1027",
        "createdAt": "2023-02-01T00:00:00Z",
        "authoritative": True,
        "clientTimestampUTC": now,
        "heartbeatTimestampUTC": now,
    }


def site_summary(site: Site, availability: str) -> dict[str, Any]:
    """Describe a site in the list of `GET /integrator/sites`."""
    return {
        "id": site.guid,
        "pmsType": "BestPractice",
        "availability": availability,
        "status": "active",
        "haloLinkVersion": site.halo_link_version,
    }
