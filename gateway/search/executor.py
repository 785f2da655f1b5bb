"""Answers a search out of as many upstream queries as its dates need, and of as few as it can."""

from urllib.parse import urlsplit

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE
from gateway.exchange import FhirRequest, FhirResponse, Handler, Position
from gateway.fhir.search_params import Search, search
from gateway.http.request_path import segments
from gateway.search.merge import Gathering


class Gathered:
    """One client page of a search: filtered where the upstream cannot, merged where it was split."""

    def __init__(self, inner: Handler, budget: int) -> None:
        self._inner = inner
        self._budget = budget

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The page at the request's position. Raises Failure when nothing exact is affordable."""
        if request.parts == ():
            return nothing()
        if not request.interaction.lists:
            return await self._inner(request)
        return await self._counted(request) if counts(request) else await self._page(request)

    async def _page(self, request: FhirRequest) -> FhirResponse:
        return (await self._read(request, Gathering(request), until_end=False)).response()

    async def _counted(self, request: FhirRequest) -> FhirResponse:
        """Only the number of matches; read in full where the upstream's own count is not exact."""
        read = await self._read(request, Gathering(request), until_end=True)
        if read.following is not None or read.total is None:
            raise Failure(catalog.TOO_COSTLY, expression="http._summary")
        return nothing(read.total).changed(repairs=read.repairs)

    async def _read(self, request: FhirRequest, read: Gathering, *, until_end: bool) -> Gathering:
        position: Position | None = request.position
        for _ in range(self._budget):
            if position is None:
                break
            read = read.with_page(position, await self._inner(asking(request, position)))
            if read.enough and not until_end:
                break
            position = read.following
        return read


def counts(request: FhirRequest) -> bool:
    """Whether only the total is asked for, of a search that the upstream cannot count in one query."""
    wanted = request.asked.values("_summary")[-1:] == ("count",) or request.asked.values("_count")[-1:] == (
        "0",
    )
    return wanted and request.parts is not None


def nothing(total: int = 0) -> FhirResponse:
    """A searchset without entries."""
    body = b'{"resourceType":"Bundle","type":"searchset","total":%d}' % total
    return FhirResponse(200, (("content-type", MEDIA_TYPE),), body)


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
