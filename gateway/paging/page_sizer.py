"""Page size per search: repeats a page that is over Halo's size limit with a smaller size, and learns."""

from collections.abc import Callable
from uuid import uuid4

import structlog

from gateway.errors.failure import Failure, call_after
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler, Site
from gateway.http.callers import keyed_hash
from gateway.http.proved_callers import caller_of
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
#: Share of the limit below which a response needs no first estimate.
_MIN_INFORMATIVE_FILL = 0.05
#: Lifetime of estimates and learned limits, in seconds: one week.
_RETENTION_SECONDS = 7 * 86_400.0
NO_ESTIMATE = PageSizeEstimate()


class PageSizer:
    """Requests pages of the client's size, or of the largest size that is expected to fit.

    Estimates are stored by site, engine version (`version`), caller, resource type and includes: what the
    pages of one caller teach concerns that caller only. `limit`: maximum bytes of a response until a 413
    states another; `secret` keys the names of callers; `probe_interval`: seconds between attempts to grow.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, each once
        self,
        inner: Handler,
        store: Store,
        limit: Callable[[FhirRequest], int],
        version: Callable[[FhirRequest], str],
        clock: Callable[[], float],
        secret: bytes,
        *,
        probe_interval: float = 28_800.0,
    ) -> None:
        self._inner = inner
        self._store = store
        self._limit = limit
        self._version = version
        self._secret = secret
        self._probe_interval = probe_interval
        self._estimates = ReplicatedValues(
            store, PageSizeEstimate, "page-size:", clock, lifetime=_RETENTION_SECONDS, max_local_age=5.0
        )
        self._limits = ReplicatedValues(
            store, int, "size-limit:", clock, lifetime=_RETENTION_SECONDS, max_local_age=60.0
        )

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the page. Raises Failure 413 `too-costly` for one resource that is over the limit."""
        if not request.interaction.is_pageable or request.site is None:
            return await self._inner(request)
        engine, name, limit, estimate = await self._knowledge_of(request, request.site)
        page = await self._choose_page(name, page_request_of(request), estimate, limit)
        use = NO_USE
        while True:
            try:
                response = await call_after(use, self._inner, with_page_size(request, page))
            except Failure as failure:
                if failure.kind.code != TOO_LARGE:
                    raise
                use = failure.upstream_use
                limit = await self._learn_limit(engine, failure, limit)
                estimate = await self._record_refusal(name, page)
                _log.info("page-too-large", size=page.size, type=request.interaction.type)
                page = _smaller_page(page, estimate, limit, failure)
            else:
                await self._record_success(name, engine, response, limit)
                return _with_sized_links(request, page, response)

    async def size_page(self, request: FhirRequest) -> FhirRequest:
        """Return the request for the page that is expected to fit; nothing is tried or learned."""
        if not request.interaction.is_pageable or request.site is None:
            return request
        _, _, limit, estimate = await self._knowledge_of(request, request.site)
        return with_page_size(request, page_request_of(request).with_estimate(estimate, limit))

    async def _knowledge_of(self, request: FhirRequest, site: Site) -> tuple[str, str, int, PageSizeEstimate]:
        """Return the names of the engine and of the search, the limit in bytes, and the estimate."""
        engine = f"{site.guid}:{self._version(request)}:{keyed_hash(caller_of(request), self._secret)}"
        name = f"{engine}:{search_signature(request)}"
        limit = await self._limits.get(engine) or self._limit(request)
        return engine, name, limit, await self.estimate_for(name)

    def known_searches(self) -> list[tuple[str, str]]:
        """List the site and the name of each search with an estimate in this process."""
        return [(name.partition(":")[0], name) for name in self._estimates.names()]

    async def estimate_for(self, name: str) -> PageSizeEstimate:
        """Return the estimate for the pages of one kind of search."""
        return await self._estimates.get(name) or NO_ESTIMATE

    async def _choose_page(
        self, name: str, page: PageRequest, estimate: PageSizeEstimate, limit: int
    ) -> PageRequest:
        """Return the page to request: by the estimate, or once per probe interval a larger one."""
        planned = page.with_estimate(estimate, limit)
        if planned is page or not estimate.smallest_failure or not page.is_first or planned.size is None:
            return planned
        probe = page.at_most(planned.size * 2)
        return probe if await self._claim_probe(name) else planned

    async def _record_refusal(self, name: str, page: PageRequest) -> PageSizeEstimate:
        after = await self._estimates.update(name, lambda old: (old or NO_ESTIMATE).after_refusal(page.size))
        await self._claim_probe(name)
        return after or NO_ESTIMATE

    async def _record_success(self, name: str, engine: str, response: FhirResponse, limit: int) -> None:
        if len(response.body) > limit:
            await self._limits.delete(engine)
        estimate = await self.estimate_for(name)
        if len(response.body) < _MIN_INFORMATIVE_FILL * limit and estimate is NO_ESTIMATE:
            return
        page = len(response.body), count_matches(response.body)
        if estimate.after_page(*page) is not estimate:
            await self._estimates.update(name, lambda old: (old or NO_ESTIMATE).after_page(*page))

    async def _learn_limit(self, engine: str, failure: Failure, limit: int) -> int:
        """Return the limit that a 413 states, else the limit assumed so far; both in bytes."""
        new_limit = stated_limit(failure)
        if new_limit is not None and new_limit != limit:
            await self._limits.set(engine, new_limit)
        return new_limit or limit

    async def _claim_probe(self, name: str) -> bool:
        """Whether this request may try a larger page; if so, no other may during the probe interval."""
        return await self._store.acquire_lock(f"page-size-probe:{name}", uuid4().hex, self._probe_interval)


def _smaller_page(page: PageRequest, estimate: PageSizeEstimate, limit: int, failure: Failure) -> PageRequest:
    """Return the page to request next. Raises Failure 413 if the page cannot be made smaller."""
    smaller = page.next_smaller(estimate, limit)
    if smaller is None:
        raise _too_costly_failure(failure) if page.size == 1 else failure
    return smaller


def _too_costly_failure(failure: Failure) -> Failure:
    return failure.with_text(SINGLE_RESOURCE_TOO_LARGE)


def _with_sized_links(request: FhirRequest, page: PageRequest, response: FhirResponse) -> FhirResponse:
    """Return the page with its size in its links, unless it has the client's own size."""
    if page.size is None or request.client_search.values(COUNT_PARAMETER)[-1:] == (str(page.size),):
        return response
    bundle = response.with_parsed_bundle().bundle
    if bundle is None:
        return response
    sized = with_page_size_in_links(bundle, request.client_search, page.size, page.offset)
    return response if sized is bundle else response.with_bundle(sized).with_encoded_body()
