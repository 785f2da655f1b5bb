"""Asks a site's CapabilityStatement which of its own parameters are dates, where a search names one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from cachetools import LRUCache

from gateway.dates.registry import DateParameter
from gateway.dates.support import Key
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import NOTHING
from gateway.search.declared_dates import declared_dates, unregistered

_log = structlog.get_logger()
_KEPT = timedelta(hours=1)
#: Sites whose statements are remembered.
_SITES = 1_024


class Informed:
    """A search with an unknown parameter goes on knowing whether the site declares it as a date.

    The statement does not touch the practice's database (Halo Connect, FHIR examples); it is kept for an
    hour. A site that does not answer leaves the parameter unknown: it goes upstream as it came.
    """

    def __init__(self, inner: Handler, upstream: Handler) -> None:
        self._inner = inner
        self._upstream = upstream
        self._known: LRUCache[str, tuple[datetime, Mapping[Key, DateParameter]]] = LRUCache(_SITES)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer."""
        site = request.site
        if site is None or not request.interaction.searches or not unregistered(request):
            return await self._inner(request)
        found = {**await self._dates(request, site), **site.dates.declared}
        informed = replace(site, dates=replace(site.dates, declared=found)) if found else site
        return await self._inner(request.changed(site=informed))

    async def _dates(self, request: FhirRequest, site: Site) -> Mapping[Key, DateParameter]:
        since, known = self._known.get(site.guid, (None, {}))
        if since is None or request.received - since > _KEPT:
            known = await self._asked(request)
            self._known[site.guid] = (request.received, known)
        return known

    async def _asked(self, request: FhirRequest) -> Mapping[Key, DateParameter]:
        metadata = Interaction("capabilities")
        try:
            answer = await self._upstream(
                request.changed(
                    method="GET",
                    interaction=metadata,
                    path="metadata",
                    search=NOTHING,
                    asked=NOTHING,
                    body=b"",
                )
            )
        except Failure as failure:
            _log.warning("metadata-unavailable", code=failure.kind.code)
            return {}
        return declared_dates(answer.body)
