"""Asks again with a smaller page when a searchset is over Halo's size limit, and learns what fits."""

from collections.abc import Callable
from uuid import uuid4

import structlog

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.paging.page_size import (
    COUNT_PARAMETER,
    SINGLE_RESOURCE_TOO_LARGE,
    TOO_LARGE,
    PageRequest,
    PageSizeEstimate,
    count_matches,
    page_request_of,
    search_signature,
    stated_limit,
    with_page_size,
    with_page_size_in_links,
)
from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues

_log = structlog.get_logger()
#: Answers below this share of the limit teach nothing worth keeping.
_MIN_INFORMATIVE_FILL = 0.05
_RETENTION_SECONDS = 7 * 86_400.0
NO_ESTIMATE = PageSizeEstimate()


class PageSizer:
    """A page that fits: of the size asked for if that can be, else of the largest that is known to come.

    What fits is kept by site, engine version, resource type and includes; `version` says which engine a
    site has, `limit` how many bytes its answers may have until a 413 names another limit. `probing` is how
    many seconds lie between two tries of a larger page.
    """

    def __init__(
        self,
        inner: Handler,
        store: Store,
        limit: Callable[[FhirRequest], int],
        version: Callable[[FhirRequest], str],
        clock: Callable[[], float],
        *,
        probe_interval: float = 28_800.0,
    ) -> None:
        self._inner = inner
        self._store = store
        self._limit = limit
        self._version = version
        self._probing = probe_interval
        self._fits = ReplicatedValues(
            store, PageSizeEstimate, "page-size:", clock, lifetime=_RETENTION_SECONDS, max_local_age=5.0
        )
        self._limits = ReplicatedValues(
            store, int, "size-limit:", clock, lifetime=_RETENTION_SECONDS, max_local_age=60.0
        )

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The page. Raises Failure 413 `too-costly` for one resource that is over the limit."""
        if not request.interaction.is_pageable or request.site is None:
            return await self._call_unsized(request)
        engine = f"{request.site.guid}:{self._version(request)}"
        name = f"{engine}:{search_signature(request)}"
        limit = await self._limits.get(engine) or self._limit(request)
        fit = await self._fits.get(name) or NO_ESTIMATE
        page = await self._choose_page(name, page_request_of(request), fit, limit)
        while True:
            try:
                response = await self._inner(with_page_size(request, page))
            except Failure as failure:
                if failure.kind.code != TOO_LARGE:
                    raise
                limit = await self._learn_limit(engine, failure, limit)
                fit = await self._record_refusal(name, page)
                _log.info("page-too-large", size=page.size, type=request.interaction.type)
                page = _smaller_page(page, fit, limit, failure)
            else:
                await self._record_success(name, engine, response, limit)
                return _with_sized_links(request, page, response)

    def known_searches(self) -> list[tuple[str, str]]:
        """Site and kind of each search whose page size this process knows of."""
        return [(name.partition(":")[0], name) for name in self._fits.names()]

    async def estimate_for(self, name: str) -> PageSizeEstimate:
        """What is known of the pages of one kind of search."""
        return await self._fits.get(name) or NO_ESTIMATE

    async def _call_unsized(self, request: FhirRequest) -> FhirResponse:
        try:
            return await self._inner(request)
        except Failure as failure:
            if failure.kind.code == TOO_LARGE and request.interaction.code in {"read", "vread"}:
                raise _too_costly_failure(failure) from failure
            raise

    async def _choose_page(
        self, name: str, page: PageRequest, estimate: PageSizeEstimate, limit: int
    ) -> PageRequest:
        """The page to ask for: by experience, or now and then a larger one to see whether it fits by now."""
        planned = page.with_estimate(estimate, limit)
        if planned is page or not estimate.smallest_failure or not page.is_first or planned.size is None:
            return planned
        probe = page.at_most(planned.size * 2)
        return probe if await self._claim_probe(name) else planned

    async def _record_refusal(self, name: str, page: PageRequest) -> PageSizeEstimate:
        fit = await self._fits.update(name, lambda fit: (fit or NO_ESTIMATE).after_refusal(page.size))
        await self._claim_probe(name)
        return fit or NO_ESTIMATE

    async def _record_success(self, name: str, engine: str, response: FhirResponse, limit: int) -> None:
        if len(response.body) > limit:
            await self._limits.delete(engine)
        fit = await self._fits.get(name) or NO_ESTIMATE
        if len(response.body) < _MIN_INFORMATIVE_FILL * limit and fit is NO_ESTIMATE:
            return
        page = len(response.body), count_matches(response.body)
        if fit.after_page(*page) is not fit:
            await self._fits.update(name, lambda fit: (fit or NO_ESTIMATE).after_page(*page))

    async def _learn_limit(self, engine: str, failure: Failure, limit: int) -> int:
        """The limit that a 413 names, else the one assumed so far."""
        named = stated_limit(failure)
        if named is not None and named != limit:
            await self._limits.set(engine, named)
        return named or limit

    async def _claim_probe(self, name: str) -> bool:
        """Whether it is this request's part to try a larger page; nobody else's for a while then."""
        return await self._store.acquire_lock(f"page-size-probe:{name}", uuid4().hex, self._probing)


def _smaller_page(page: PageRequest, estimate: PageSizeEstimate, limit: int, failure: Failure) -> PageRequest:
    """The page to ask for next. Raises Failure 413 for one resource, or a numbered page of unknown size."""
    found = page.next_smaller(estimate, limit)
    if found is None:
        raise _too_costly_failure(failure) if page.size else failure
    return found


def _too_costly_failure(failure: Failure) -> Failure:
    return Failure(
        failure.kind,
        text=SINGLE_RESOURCE_TOO_LARGE,
        diagnostics=failure.diagnostics,
        codings=failure.codings,
        headers=failure.headers,
        upstream_response=failure.upstream_response,
    )


def _with_sized_links(request: FhirRequest, page: PageRequest, response: FhirResponse) -> FhirResponse:
    """The page with links that go on in pages of its size, if that is not the client's own."""
    if page.size is None or request.client_search.values(COUNT_PARAMETER)[-1:] == (str(page.size),):
        return response
    opened = response.with_parsed_bundle()
    if opened.bundle is None:
        return response
    sized = with_page_size_in_links(opened.bundle, request.client_search, page.size)
    return response if sized is opened.bundle else response.with_bundle(sized).with_encoded_body()
