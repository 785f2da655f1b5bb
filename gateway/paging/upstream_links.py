"""Links of an upstream Bundle: paging links as positions, and the search that `self` states."""

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import RESULT_ONLY_PARAMETERS, SearchParams, parse_search
from gateway.http.urls import resolve_public_url, split_url

#: Relations of upstream links (R4's example writes `previous`, IANA registers `prev`) -> the gateway's.
PAGE_RELATIONS = {
    "first": "first",
    "prev": "previous",
    "previous": "previous",
    "next": "next",
    "last": "last",
}
#: Parameters by which a link states a place in the result in clear.
PLAIN_POSITIONS = frozenset({"_offset", "offset", "_page", "page", "_skip", "skip"})


def link_positions(
    request: FhirRequest, bundle: Bundle, part: int = 0, *, needs_filter: bool = False
) -> dict[str, Position]:
    """Position of each paging link by relation. Raises Failure 502 for a link off the site's FHIR base."""
    positions = {}
    for link in bundle.links:
        relation = PAGE_RELATIONS.get(link.relation)
        if relation is not None:
            url = _link_below_base(request, link.url)
            positions[relation] = Position(part, url, needs_filter, is_backward=relation == "previous")
    return positions


def shows_criteria(link_search: SearchParams, sent_search: SearchParams) -> bool:
    """Whether a link states the search that was sent; an opaque link only has a token for it.

    An offset or page number without another unknown parameter is no token: the criteria are lost.
    """
    stated = {parameter.name for parameter in link_search.parameters}
    sent = {parameter.name for parameter in sent_search.parameters}
    criteria = {name for name in sent if name.partition(":")[0] not in RESULT_ONLY_PARAMETERS}
    is_readable = stated <= sent | PLAIN_POSITIONS
    return bool(stated & criteria) or (is_readable and bool(stated or not criteria))


def self_link_search(bundle: Bundle) -> SearchParams | None:
    """Search that the upstream's `self` link states; None without such a link."""
    self_link = next((link for link in bundle.links if link.relation == "self"), None)
    return None if self_link is None else parse_search(split_url(self_link.url).query)


def _link_below_base(request: FhirRequest, url: str) -> str:
    public_url = resolve_public_url(request, url)
    if not public_url.startswith((f"{request.public_base}/", f"{request.public_base}?")):
        raise Failure(catalog.UPSTREAM_LINK)
    return public_url[len(request.public_base) :]
