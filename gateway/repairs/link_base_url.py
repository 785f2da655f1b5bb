"""Bundle links and `fullUrl` name the upstream's host, where the client's key must not go directly."""

from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import quoted
from gateway.http.urls import on_public_base
from gateway.repairs.repair import KnownIssue, Links, Repair


def rebased(request: FhirRequest, links: Links) -> Links:
    """The links on the gateway's base; other servers' links stay."""
    new = tuple(link.at(on_public_base(request, link.url)) for link in links)
    return links if new == links else new


def located(request: FhirRequest, entry: Entry) -> Entry:
    """The entry with its `fullUrl` on the gateway's base, absolute; `urn:` and other servers' URLs stay."""
    old = entry.full_url
    new = on_public_base(request, old)
    return entry if new == old else entry.with_field("fullUrl", quoted(new))


REPAIR = Repair(
    KnownIssue(
        "link-base-url",
        "Bundle links and fullUrl are not on the base that the client uses",
        "FHIR R4 http.html#paging; the host and prefix of Halo's links are undocumented",
    ),
    links=rebased,
    entry=located,
)
