"""`meta.lastUpdated` is shown in another time zone per resource type, or in none."""

from zoneinfo import ZoneInfo

from gateway.core.bundle import Entry, with_meta
from gateway.core.exchange import FhirRequest
from gateway.core.instant import corrected_instant
from gateway.repairs.repair import KnownIssue, Repair

_HERE = b'"lastUpdated"'


def stamped(request: FhirRequest, entry: Entry) -> Entry:
    """The entry with `meta.lastUpdated` as an instant in UTC; a bare date, which is none, is left out."""
    resource, site = entry.resource, request.site
    if resource is None or site is None or _HERE not in bytes(resource):
        return entry
    new = with_meta(resource, "lastUpdated", lambda text: _instant(text, site.zone))
    return entry if new is resource else entry.with_field("resource", new)


def _instant(text: str, zone: ZoneInfo) -> str | None:
    return corrected_instant(text, "ok", zone)


REPAIR = Repair(
    KnownIssue(
        "last-updated-offset",
        "meta.lastUpdated differs in time zone per resource type",
        "Halo Connect troubleshooting, FHIR known issues (both pages)",
    ),
    entry=stamped,
)
