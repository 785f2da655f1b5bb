"""Page links where R4 defines none and servers page all the same: operations, entries of a transaction."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Position, may_write
from gateway.fhir.bundle import Bundle, Entry, Link, bundle_from_fields
from gateway.fhir.interaction import interaction_for
from gateway.fhir.raw_json import UnreadableError, object_fields, string_value
from gateway.fhir.search_params import parse_search
from gateway.http.urls import split_url
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


class NestedSearch(NamedTuple):
    """A Bundle with pages in an entry: the GET request for it, and its links."""

    request: FhirRequest
    bundle: Bundle
    positions: Mapping[str, Position]
    other_links: tuple[Link, ...]


def nested_search(request: FhirRequest, entry: Entry) -> NestedSearch | None:
    """Return the search whose page is the resource of an entry; None if it is none with page links.

    Its own link states path and criteria: what the client sent is only in the body of the transaction.
    """
    bundle = _nested_bundle(entry)
    positions = operation_positions(request, bundle) if bundle else {}
    own = next((link for link in bundle.links if link.relation == "self"), None) if bundle else None
    if bundle is None or own is None or not positions:
        return None
    url = split_url(own.url.removeprefix(f"{request.public_base}/"))
    if interaction_for("GET", url.path) is None:
        return None
    search = request.replace(path=url.path, client_search=parse_search(url.query))
    return NestedSearch(search, bundle, positions, (own, *kept_links(bundle)))


def _nested_bundle(entry: Entry) -> Bundle | None:
    """Bundle in an entry, unless it is signed; None for other resources."""
    if entry.resource is None or b'"Bundle"' not in bytes(entry.resource):
        return None
    try:
        fields = object_fields(entry.resource)
        is_bundle = string_value(fields.get("resourceType")) == "Bundle" and "signature" not in fields
        return bundle_from_fields(fields) if is_bundle else None
    except UnreadableError:
        return None
