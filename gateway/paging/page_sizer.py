"""Asks again with a smaller page when a searchset is over Halo's size limit, and learns what fits."""

from collections.abc import Callable
from uuid import uuid4

import structlog

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.paging.page_size import (
    ALONE,
    COUNT,
    TOO_LARGE,
    Asked,
    Fit,
    asked,
    asking_for,
    continued,
    kind_of_search,
    matches,
    stated_limit,
)
from gateway.stores.base import Store
from gateway.stores.replicated import Remembered

_log = structlog.get_logger()
#: Answers below this share of the limit teach nothing worth keeping.
_SMALL = 0.05
_KEPT = 7 * 86_400.0
UNKNOWN = Fit()


class Resized:
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
        probing: float = 28_800.0,
    ) -> None:
        self._inner = inner
        self._store = store
        self._limit = limit
        self._version = version
        self._probing = probing
        self._fits = Remembered(store, Fit, "page-size:", clock, lifetime=_KEPT, trusted=5.0)
        self._limits = Remembered(store, int, "size-limit:", clock, lifetime=_KEPT, trusted=60.0)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The page. Raises Failure 413 `too-costly` for one resource that is over the limit."""
        if not request.interaction.lists or request.site is None:
            return await self._alone(request)
        engine = f"{request.site.guid}:{self._version(request)}"
        name = f"{engine}:{kind_of_search(request)}"
        limit = await self._limits.get(engine) or self._limit(request)
        fit = await self._fits.get(name) or UNKNOWN
        page = await self._planned(name, asked(request), fit, limit)
        while True:
            try:
                response = await self._inner(asking_for(request, page))
            except Failure as failure:
                if failure.kind.code != TOO_LARGE:
                    raise
                limit = await self._told(engine, failure, limit)
                fit = await self._refused(name, page)
                _log.info("page-too-large", size=page.size, type=request.interaction.type)
                page = _smaller(page, fit, limit, failure)
            else:
                await self._came(name, engine, response, limit)
                return _continued(request, page, response)

    def learned(self) -> list[tuple[str, str]]:
        """Site and kind of each search whose page size this process knows of."""
        return [(name.partition(":")[0], name) for name in self._fits.names()]

    async def fit(self, name: str) -> Fit:
        """What is known of the pages of one kind of search."""
        return await self._fits.get(name) or UNKNOWN

    async def _alone(self, request: FhirRequest) -> FhirResponse:
        try:
            return await self._inner(request)
        except Failure as failure:
            if failure.kind.code == TOO_LARGE and request.interaction.code in {"read", "vread"}:
                raise _too_costly(failure) from failure
            raise

    async def _planned(self, name: str, page: Asked, fit: Fit, limit: int) -> Asked:
        """The page to ask for: by experience, or now and then a larger one to see whether it fits by now."""
        planned = page.planned(fit, limit)
        if planned is page or not fit.fails or not page.first or planned.size is None:
            return planned
        probe = page.of(planned.size * 2)
        return probe if await self._claimed(name) else planned

    async def _refused(self, name: str, page: Asked) -> Fit:
        fit = await self._fits.update(name, lambda fit: (fit or UNKNOWN).after_refusal(page.size))
        await self._claimed(name)
        return fit or UNKNOWN

    async def _came(self, name: str, engine: str, response: FhirResponse, limit: int) -> None:
        if len(response.body) > limit:
            await self._limits.delete(engine)
        fit = await self._fits.get(name) or UNKNOWN
        if len(response.body) < _SMALL * limit and fit is UNKNOWN:
            return
        page = len(response.body), matches(response.body)
        if fit.after_page(*page) is not fit:
            await self._fits.update(name, lambda fit: (fit or UNKNOWN).after_page(*page))

    async def _told(self, engine: str, failure: Failure, limit: int) -> int:
        """The limit that a 413 names, else the one assumed so far."""
        named = stated_limit(failure)
        if named is not None and named != limit:
            await self._limits.set(engine, named)
        return named or limit

    async def _claimed(self, name: str) -> bool:
        """Whether it is this request's part to try a larger page; nobody else's for a while then."""
        return await self._store.claim(f"page-size-probe:{name}", uuid4().hex, self._probing)


def _smaller(page: Asked, fit: Fit, limit: int, failure: Failure) -> Asked:
    """The page to ask for next. Raises Failure 413 for one resource, or a numbered page of unknown size."""
    found = page.smaller(fit, limit)
    if found is None:
        raise _too_costly(failure) if page.size else failure
    return found


def _too_costly(failure: Failure) -> Failure:
    return Failure(
        failure.kind,
        text=ALONE,
        diagnostics=failure.diagnostics,
        codings=failure.codings,
        headers=failure.headers,
        received=failure.received,
    )


def _continued(request: FhirRequest, page: Asked, response: FhirResponse) -> FhirResponse:
    """The page with links that go on in pages of its size, if that is not the client's own."""
    if page.size is None or request.asked.values(COUNT)[-1:] == (str(page.size),):
        return response
    opened = response.opened()
    if opened.bundle is None:
        return response
    sized = continued(opened.bundle, request.asked, page.size)
    return response if sized is opened.bundle else response.with_bundle(sized).closed()
