"""Page links in the response to an operation: R4 defines no paging for it, servers page all the same."""

from collections.abc import Mapping
from typing import Final

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Position, may_write
from gateway.fhir.bundle import Bundle, Link
from gateway.paging.upstream_links import PAGE_RELATIONS, link_positions

#: Relations of links that the gateway replaces; others, such as a style sheet, stay.
_REPLACED: Final = frozenset({"self", *PAGE_RELATIONS})


def operation_positions(request: FhirRequest, bundle: Bundle) -> Mapping[str, Position]:
    """Positions of an operation's pages, empty without page links.

    Raises Failure 502 for a link off the site's FHIR base; after a POST, which may have changed data, such
    a Bundle keeps its links.
    """
    try:
        return link_positions(request, bundle)
    except Failure:
        if may_write(request):
            return {}
        raise


def kept_links(bundle: Bundle) -> tuple[Link, ...]:
    """Links of an operation's Bundle that are neither its own nor those of its pages."""
    return tuple(link for link in bundle.links if link.relation not in _REPLACED)
