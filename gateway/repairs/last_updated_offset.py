"""`meta.lastUpdated` is shown in another time zone per resource type, or in none."""

from gateway.core.bundle import Entry, with_meta
from gateway.core.exchange import FhirRequest, Site
from gateway.core.instant import corrected_instant
from gateway.repairs.repair import KnownIssue, Repair

_HERE = b'"lastUpdated"'


def stamped(request: FhirRequest, entry: Entry) -> Entry:
    """The entry with `meta.lastUpdated` as an instant in UTC; a bare date, which is none, is left out."""
    resource, site = entry.resource, request.site
    if resource is None or site is None or _HERE not in bytes(resource):
        return entry
    new = with_meta(resource, "lastUpdated", lambda kind, text: _instant(site, kind, text))
    return entry if new is resource else entry.with_field("resource", new)


def _instant(site: Site, kind: str, text: str) -> str | None:
    mode = site.last_updated.get(kind) or site.last_updated.get("*", "ok")
    return corrected_instant(text, mode, site.zone, site.shown)


REPAIR = Repair(
    KnownIssue(
        "last-updated-offset",
        "meta.lastUpdated differs in time zone per resource type",
        "Halo Connect troubleshooting, FHIR known issues (both pages)",
    ),
    entry=stamped,
)
