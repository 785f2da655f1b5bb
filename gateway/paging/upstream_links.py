"""The paging links of an upstream Bundle as positions, and what its `self` link says was searched."""

from urllib.parse import urlsplit

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import Search, search
from gateway.http.urls import on_public_base

#: Relations upstream (R4's example writes `previous`, IANA registers `prev`) -> ours.
_PAGING = {"first": "first", "prev": "previous", "previous": "previous", "next": "next", "last": "last"}


def positions(
    request: FhirRequest, bundle: Bundle, part: int = 0, *, unfiltered: bool = False
) -> dict[str, Position]:
    """The position behind each paging link. Raises Failure 502 for one off the site's FHIR base."""
    found = {}
    for link in bundle.links:
        relation = _PAGING.get(link.relation)
        if relation is not None:
            found[relation] = Position(part, _rest(request, link.url), unfiltered)
    return found


def shown_search(bundle: Bundle) -> Search | None:
    """The search that the upstream's `self` link states; None without such a link."""
    link = next((each for each in bundle.links if each.relation == "self"), None)
    return None if link is None else search(urlsplit(link.url).query)


def _rest(request: FhirRequest, url: str) -> str:
    ours = on_public_base(request, url)
    if not ours.startswith((f"{request.public_base}/", f"{request.public_base}?")):
        raise Failure(catalog.UPSTREAM_LINK)
    return ours[len(request.public_base) :]
