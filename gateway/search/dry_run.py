"""Dry run of a search: the chain's own handlers plan it, and nothing is sent, counted or learned.

A `DryRun` stands in for the two handlers of the chain that would act: the cache and the sender.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from gateway.cache.forecast import BYPASS, CacheForecast
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE
from gateway.exchange import FhirRequest, FhirResponse, Handler

#: Places a cache in front of a handler.
CacheFactory = Callable[[Handler], Handler]
#: Handlers that plan a search, between a cache and a sender.
PlanningHandlers = Callable[[CacheFactory, Handler], Handler]


async def _never_cached(_: FhirRequest) -> CacheForecast:
    return BYPASS


async def _keep_page(request: FhirRequest) -> FhirRequest:
    return request


class Outlook(NamedTuple):
    """What the running chain knows: its cache, the sizes of its pages, and what stops a request now.

    A guard raises Failure. Without a chain, nothing is known.
    """

    forecast_cache: Callable[[FhirRequest], Awaitable[CacheForecast]] = _never_cached
    size_page: Callable[[FhirRequest], Awaitable[FhirRequest]] = _keep_page
    guards: Sequence[Callable[[FhirRequest], Awaitable[object]]] = ()


NO_OUTLOOK = Outlook()


class DryRun:
    """Records one search on its way through the planning handlers.

    `planned`: the request at the cache, None if it was refused earlier. `searches`: upstream requests in
    order. `is_smaller_page`: they have a learned page size. `reads_statement`: the chain reads the
    CapabilityStatement first, which is free. `failure`: the refusal of the search. `obstacle`: what stops its
    first upstream request now. `local_repairs`: repairs that answer instead of the upstream.
    """

    def __init__(self, outlook: Outlook) -> None:
        self._outlook = outlook
        self.planned: FhirRequest | None = None
        self.cache = BYPASS
        self.searches: list[FhirRequest] = []
        self.is_smaller_page = False
        self.reads_statement = False
        self.failure: Failure | None = None
        self.obstacle: Failure | None = None
        self.local_repairs: tuple[str, ...] = ()

    async def run(self, handlers: PlanningHandlers, request: FhirRequest) -> None:
        """Send a search through the handlers."""
        try:
            response = await handlers(self._with_cache, self._record)(request)
        except Failure as failure:
            self.failure = failure
        else:
            self.local_repairs = () if self.searches else response.applied_repairs

    def _with_cache(self, inner: Handler) -> Handler:
        async def forecast(request: FhirRequest) -> FhirResponse:
            self.planned = request
            self.cache = await self._outlook.forecast_cache(request)
            return await inner(request)

        return forecast

    async def _record(self, request: FhirRequest) -> FhirResponse:
        """Record an upstream request; the response has no matches, so that all parts of a page are read."""
        if request.interaction.code == "capabilities":
            self.reads_statement = True
            return _json_response(b'{"resourceType":"CapabilityStatement"}')
        if not self.searches:
            self.obstacle = await self._find_obstacle(request)
        sized = await self._outlook.size_page(request)
        self.is_smaller_page = self.is_smaller_page or sized is not request
        self.searches.append(sized)
        kind = b"history" if request.interaction.code == "history" else b"searchset"
        return _json_response(b'{"resourceType":"Bundle","type":"%b","total":0}' % kind)

    async def _find_obstacle(self, request: FhirRequest) -> Failure | None:
        for guard in self._outlook.guards:
            try:
                await guard(request)
            except Failure as failure:
                return failure
        return None


def _json_response(body: bytes) -> FhirResponse:
    return FhirResponse(200, (("content-type", MEDIA_TYPE),), body)
