"""Bundle links and `fullUrl` name the upstream's host, where the client's key must not go directly."""

from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import string_json
from gateway.http.urls import resolve_public_url
from gateway.repairs.repair import KnownIssue, Links, Repair


def rebase_links(request: FhirRequest, links: Links) -> Links:
    """The links on the gateway's base; other servers' links stay."""
    new = tuple(link.with_url(resolve_public_url(request, link.url)) for link in links)
    return links if new == links else new


def rebase_full_url(request: FhirRequest, entry: Entry) -> Entry:
    """The entry with its `fullUrl` on the gateway's base, absolute; `urn:` and other servers' URLs stay."""
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
