"""The paging links of an upstream Bundle as positions, and what its `self` link says was searched."""

from urllib.parse import urlsplit

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.http.urls import resolve_public_url

#: Relations upstream (R4's example writes `previous`, IANA registers `prev`) -> ours.
_RELATIONS = {"first": "first", "prev": "previous", "previous": "previous", "next": "next", "last": "last"}


def link_positions(
    request: FhirRequest, bundle: Bundle, part: int = 0, *, needs_filter: bool = False
) -> dict[str, Position]:
    """The position behind each paging link. Raises Failure 502 for one off the site's FHIR base."""
    found = {}
    for link in bundle.links:
        relation = _RELATIONS.get(link.relation)
        if relation is not None:
            found[relation] = Position(part, _link_below_base(request, link.url), needs_filter)
    return found


def self_link_search(bundle: Bundle) -> SearchParams | None:
    """The search that the upstream's `self` link states; None without such a link."""
    link = next((each for each in bundle.links if each.relation == "self"), None)
    return None if link is None else parse_search(urlsplit(link.url).query)


def _link_below_base(request: FhirRequest, url: str) -> str:
    ours = resolve_public_url(request, url)
    if not ours.startswith((f"{request.public_base}/", f"{request.public_base}?")):
        raise Failure(catalog.UPSTREAM_LINK)
    return ours[len(request.public_base) :]
