"""Links of an upstream Bundle: paging links as positions, and the search that `self` states."""

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.http.urls import resolve_public_url, split_url

#: Relations of upstream links (R4's example writes `previous`, IANA registers `prev`) -> the gateway's.
PAGE_RELATIONS = {
    "first": "first",
    "prev": "previous",
    "previous": "previous",
    "next": "next",
    "last": "last",
}


def link_positions(
    request: FhirRequest, bundle: Bundle, part: int = 0, *, needs_filter: bool = False
) -> dict[str, Position]:
    """Position of each paging link by relation. Raises Failure 502 for a link off the site's FHIR base."""
    positions = {}
    for link in bundle.links:
        relation = PAGE_RELATIONS.get(link.relation)
        if relation is not None:
            positions[relation] = Position(part, _link_below_base(request, link.url), needs_filter)
    return positions


def self_link_search(bundle: Bundle) -> SearchParams | None:
    """Search that the upstream's `self` link states; None without such a link."""
    self_link = next((link for link in bundle.links if link.relation == "self"), None)
    return None if self_link is None else parse_search(split_url(self_link.url).query)


def _link_below_base(request: FhirRequest, url: str) -> str:
    public_url = resolve_public_url(request, url)
    if not public_url.startswith((f"{request.public_base}/", f"{request.public_base}?")):
        raise Failure(catalog.UPSTREAM_LINK)
    return public_url[len(request.public_base) :]
