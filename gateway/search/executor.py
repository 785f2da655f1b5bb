"""Execution of a search: as many upstream requests as its dates need, and as few as possible."""

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE
from gateway.exchange import FhirRequest, FhirResponse, Handler, Position
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.http.request_path import path_segments
from gateway.http.urls import split_url
from gateway.paging.upstream_links import shows_criteria
from gateway.search.counts import count_matches
from gateway.search.merge import MergedSearch
from gateway.search.provably_empty import provably_empty_searchset
from gateway.thread_switching import let_others_run

#: Characters of a link that can be sent: httpx accepts URLs of up to 65,536.
_MAX_LINK_LENGTH = 60_000
#: A look at that many entries takes a fraction of a millisecond.
_MANY_ENTRIES = 1_000


class SearchExecutor:
    """Reads one client page of a search: merged if it was split, filtered if the upstream cannot."""

    def __init__(self, inner: Handler, max_queries: int) -> None:
        self._inner = inner
        self._max_queries = max_queries

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the page at the request's position. Raises Failure if an exact result costs too much."""
        if request.plan.split_searches == ():
            is_count = request.client_search.is_count
            return empty_searchset() if is_count else provably_empty_searchset(request.plan.date_plans)
        if not request.interaction.is_pageable:
            return await self._inner(operation_page_request(request))
        if request.client_search.is_count:
            return await count_matches(request, self._read_page, self._max_queries)
        return await self._fetch_page(request)

    async def _fetch_page(self, request: FhirRequest) -> FhirResponse:
        merged, position = MergedSearch(request), request.plan.position
        for _ in range(self._max_queries):
            merged = await self._read_page(request, merged, position)
            if merged.is_complete or merged.next_position is None:
                break
            position = merged.next_position
        await _let_others_run(merged)
        response = merged.merged_response()
        await _let_others_run(merged)
        return response

    async def _read_page(
        self, request: FhirRequest, merged_search: MergedSearch, position: Position
    ) -> MergedSearch:
        use = merged_search.upstream_use
        try:
            response = await self._inner(upstream_page_request(request.after(use), position))
            use = use.plus(response.upstream_use)
            await _read_modes(response)
            return merged_search.add_page(position, response)
        except Failure as failure:
            raise failure.with_upstream_use(use.plus(failure.upstream_use)) from failure.__cause__


async def _read_modes(response: FhirResponse) -> None:
    """Read the modes of the entries, which the page needs, while it is a step of its own."""
    await _let_others_run(response)
    if response.bundle is not None and response.bundle.match_flags:
        await _let_others_run(response)


async def _let_others_run(result: MergedSearch | FhirResponse) -> None:
    """Let other requests run before the next look at all entries, if they are many."""
    entries = result.matches if isinstance(result, MergedSearch) else result.bundle and result.bundle.entries
    if len(entries or ()) > _MANY_ENTRIES:
        await let_others_run()


def empty_searchset() -> FhirResponse:
    """Return a searchset without matches."""
    body = b'{"resourceType":"Bundle","type":"searchset","total":0}'
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
