"""The upstream request for a position in the answer to a search."""

from urllib.parse import urlsplit

from gateway.exchange import FhirRequest
from gateway.fhir.search_params import Search, search
from gateway.http.request_path import segments
from gateway.paging.page_token import Position


def asking(request: FhirRequest, position: Position) -> FhirRequest:
    """The upstream request for a position: the start of a part, or the upstream's own link."""
    sent = (request.parts or (request.search,))[position.part]
    if not position.rest:
        return request.changed(search=sent, parts=None)
    link = urlsplit(position.rest)
    path = "/".join(segments(link.path)).removesuffix("/_search") if link.path.strip("/") else ""
    return request.changed(
        method="GET", path=path, asked=sent, search=restored(search(link.query), sent), body=b"", parts=None
    )


def restored(link: Search, sent: Search) -> Search:
    """A link's query with the parameters it lost; a link that shows none of them is opaque and stays."""
    shown = {each.name for each in link.parameters}
    lost = [each for each in sent.as_get().parameters if each.name not in shown]
    return link.with_added(lost) if len(lost) < len(sent.parameters) else link
