"""Execution of a search: as many upstream requests as its dates need, and as few as possible."""

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE
from gateway.exchange import FhirRequest, FhirResponse, Handler, Position
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.http.request_path import path_segments
from gateway.http.urls import split_url
from gateway.paging.upstream_links import shows_criteria
from gateway.search.merge import MergedSearch

#: Characters of a link that can be sent: httpx accepts URLs of up to 65,536.
_MAX_LINK_LENGTH = 60_000


class SearchExecutor:
    """Reads one client page of a search: merged if it was split, filtered if the upstream cannot."""

    def __init__(self, inner: Handler, max_queries: int) -> None:
        self._inner = inner
        self._max_queries = max_queries

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the page at the request's position. Raises Failure if an exact result costs too much."""
        if request.plan.split_searches == ():
            return empty_searchset()
        if not request.interaction.is_pageable:
            return await self._inner(operation_page_request(request))
        return (
            await self._fetch_count(request)
            if needs_gateway_count(request)
            else await self._fetch_page(request)
        )

    async def _fetch_page(self, request: FhirRequest) -> FhirResponse:
        return (await self._read_pages(request, MergedSearch(request), until_end=False)).merged_response()

    async def _fetch_count(self, request: FhirRequest) -> FhirResponse:
        """Return the number of matches only; read all pages if the upstream's own count is not exact."""
        merged = await self._read_pages(request, MergedSearch(request), until_end=True)
        if merged.next_position is not None or merged.total is None:
            failure = Failure(catalog.SEARCH_TOO_BROAD, expression="http._summary")
            raise failure.with_upstream_use(merged.upstream_use)
        return empty_searchset(merged.total).replace(
            applied_repairs=merged.applied_repairs, upstream_use=merged.upstream_use
        )

    async def _read_pages(
        self, request: FhirRequest, merged_search: MergedSearch, *, until_end: bool
    ) -> MergedSearch:
        position: Position | None = request.plan.position
        for _ in range(self._max_queries):
            if position is None:
                break
            merged_search = await self._read_page(request, merged_search, position)
            if merged_search.is_complete and not until_end:
                break
            position = merged_search.next_position
        return merged_search

    async def _read_page(
        self, request: FhirRequest, merged_search: MergedSearch, position: Position
    ) -> MergedSearch:
        use = merged_search.upstream_use
        try:
            response = await self._inner(upstream_page_request(request.after(use), position))
            use = use.plus(response.upstream_use)
            return merged_search.add_page(position, response)
        except Failure as failure:
            raise failure.with_upstream_use(use.plus(failure.upstream_use)) from failure.__cause__


def needs_gateway_count(request: FhirRequest) -> bool:
    """Whether the client requests only the total of a search that the upstream cannot count in one query."""
    search = request.client_search
    count_only = search.values("_summary")[-1:] == ("count",) or search.values("_count")[-1:] == ("0",)
    return count_only and request.plan.split_searches is not None


def empty_searchset(total: int = 0) -> FhirResponse:
    """Return a searchset without entries."""
    body = b'{"resourceType":"Bundle","type":"searchset","total":%d}' % total
    return FhirResponse(200, (("content-type", MEDIA_TYPE),), body)


def operation_page_request(request: FhirRequest) -> FhirRequest:
    """Return the request for a page of an operation, whose link stays opaque; itself for the first page."""
    position = request.plan.position
    if not position.upstream_link:
        return request
    search = parse_search(split_url(position.upstream_link).query)
    return upstream_page_request(request, position).replace(client_search=search, upstream_search=search)


def upstream_page_request(request: FhirRequest, position: Position) -> FhirRequest:
    """Return the upstream request for a position: the start of a part, or the upstream's own link.

    Raises Failure 502 for a link that cannot be sent.
    """
    sent = (request.plan.split_searches or (request.upstream_search,))[position.part]
    plan = request.plan._replace(split_searches=None, position=position)
    if not position.upstream_link:
        return request.replace(upstream_search=sent, plan=plan)
    link = split_url(position.upstream_link)
    path = _link_path(position.upstream_link).removesuffix("/_search")
    return request.replace(
        method="GET",
        path=path,
        client_search=sent,
        upstream_search=with_lost_parameters(parse_search(link.query), sent),
        body=b"",
        plan=plan,
    )


def _link_path(upstream_link: str) -> str:
    """Path of an upstream's link below its FHIR base. Raises Failure 502 for a link that cannot be sent."""
    if not upstream_link.isprintable() or len(upstream_link) > _MAX_LINK_LENGTH:
        raise Failure(catalog.UPSTREAM_LINK)
    path = split_url(upstream_link).path
    try:
        return "/".join(path_segments(path)) if path.strip("/") else ""
    except Failure:
        raise Failure(catalog.UPSTREAM_LINK) from None


def with_lost_parameters(link_search: SearchParams, sent_search: SearchParams) -> SearchParams:
    """Add to a link that shows criteria the parameters it lost; an opaque link is unchanged."""
    if not shows_criteria(link_search, sent_search):
        return link_search
    names = {parameter.name for parameter in link_search.parameters}
    return link_search.with_parameters(
        parameter for parameter in sent_search.as_get().parameters if parameter.name not in names
    )
