"""Answers a search out of as many upstream queries as its dates need, and of as few as it can."""

from urllib.parse import urlsplit

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE
from gateway.exchange import FhirRequest, FhirResponse, Handler, Position
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.http.request_path import path_segments
from gateway.search.merge import MergedSearch


class SearchExecutor:
    """One client page of a search: filtered where the upstream cannot, merged where it was split."""

    def __init__(self, inner: Handler, max_queries: int) -> None:
        self._inner = inner
        self._budget = max_queries

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The page at the request's position. Raises Failure when nothing exact is affordable."""
        if request.split_searches == ():
            return empty_searchset()
        if not request.interaction.is_pageable:
            return await self._inner(request)
        return (
            await self._fetch_count(request)
            if needs_gateway_count(request)
            else await self._fetch_page(request)
        )

    async def _fetch_page(self, request: FhirRequest) -> FhirResponse:
        return (await self._read_pages(request, MergedSearch(request), until_end=False)).merged_response()

    async def _fetch_count(self, request: FhirRequest) -> FhirResponse:
        """Only the number of matches; read in full where the upstream's own count is not exact."""
        read = await self._read_pages(request, MergedSearch(request), until_end=True)
        if read.next_position is not None or read.total is None:
            raise Failure(catalog.SEARCH_TOO_BROAD, expression="http._summary")
        return empty_searchset(read.total).replace(applied_repairs=read.applied_repairs)

    async def _read_pages(
        self, request: FhirRequest, merged_search: MergedSearch, *, until_end: bool
    ) -> MergedSearch:
        position: Position | None = request.position
        for _ in range(self._budget):
            if position is None:
                break
            merged_search = merged_search.add_page(
                position, await self._inner(upstream_page_request(request, position))
            )
            if merged_search.is_complete and not until_end:
                break
            position = merged_search.next_position
        return merged_search


def needs_gateway_count(request: FhirRequest) -> bool:
    """Whether only the total is asked for, of a search that the upstream cannot count in one query."""
    wanted = request.client_search.values("_summary")[-1:] == ("count",) or request.client_search.values(
        "_count"
    )[-1:] == ("0",)
    return wanted and request.split_searches is not None


def empty_searchset(total: int = 0) -> FhirResponse:
    """A searchset without entries."""
    body = b'{"resourceType":"Bundle","type":"searchset","total":%d}' % total
    return FhirResponse(200, (("content-type", MEDIA_TYPE),), body)


def upstream_page_request(request: FhirRequest, position: Position) -> FhirRequest:
    """The upstream request for a position: the start of a part, or the upstream's own link."""
    sent = (request.split_searches or (request.upstream_search,))[position.part]
    if not position.upstream_link:
        return request.replace(upstream_search=sent, split_searches=None)
    link = urlsplit(position.upstream_link)
    path = "/".join(path_segments(link.path)).removesuffix("/_search") if link.path.strip("/") else ""
    return request.replace(
        method="GET",
        path=path,
        client_search=sent,
        upstream_search=with_lost_parameters(parse_search(link.query), sent),
        body=b"",
        split_searches=None,
    )


def with_lost_parameters(link_search: SearchParams, sent_search: SearchParams) -> SearchParams:
    """A link's query with the parameters it lost; a link that shows none of them is opaque and stays."""
    shown = {each.name for each in link_search.parameters}
    lost = [each for each in sent_search.as_get().parameters if each.name not in shown]
    return link_search.with_parameters(lost) if len(lost) < len(sent_search.parameters) else link_search
