"""Repair of Bundle links and `fullUrl` on the upstream's host, to which clients must not send their key."""

from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import string_json
from gateway.http.urls import resolve_public_url
from gateway.repairs.repair import KnownIssue, Links, Repair


def rebase_links(request: FhirRequest, links: Links) -> Links:
    """Return the links on the gateway's base; links to other servers stay."""
    new = tuple(link.with_url(resolve_public_url(request, link.url)) for link in links)
    return links if new == links else new


def rebase_full_url(request: FhirRequest, entry: Entry) -> Entry:
    """Return the entry with an absolute `fullUrl` on the gateway's base; other URLs and `urn:` stay."""
    old = entry.full_url
    new = resolve_public_url(request, old)
    return entry if new == old else entry.with_field("fullUrl", string_json(new))


REPAIR = Repair(
    KnownIssue(
        "link-base-url",
        "Bundle links and fullUrl are not on the base that the client uses",
        "FHIR R4 http.html#paging; the host and prefix of Halo's links are undocumented",
    ),
    links=rebase_links,
    entry=rebase_full_url,
)
