"""Asks a site's CapabilityStatement which of its own parameters are dates, where a search names one."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from cachetools import LRUCache

from gateway.dates.registry import DateParameter, date_parameter, declared, registered
from gateway.dates.support import Key
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import NOTHING

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


def unregistered(request: FhirRequest) -> bool:
    """Whether a search names a parameter that R4 does not have on its type."""
    kind = request.interaction.type
    codes = (each.code for each in request.search.parameters if "." not in each.name)
    return any(not code.startswith("_") and not registered(kind, code) for code in codes)


def declared_dates(statement: bytes) -> Mapping[Key, DateParameter]:
    """The parameters of type date in a CapabilityStatement that R4 lacks; none of what cannot be read."""
    try:
        body = msgspec.json.decode(statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {key: declared(*key) for key in _dates(body) if date_parameter(*key) is None}


def _dates(body: Any) -> Iterator[Key]:
    for rest in _objects(body, "rest"):
        for resource in _objects(rest, "resource"):
            for each in _objects(resource, "searchParam"):
                if each.get("type") == "date":
                    yield str(resource.get("type")), str(each.get("name"))


def _objects(body: Any, name: str) -> Iterator[dict[str, Any]]:
    found = body.get(name) if isinstance(body, dict) else None
    yield from (each for each in (found if isinstance(found, list) else []) if isinstance(each, dict))
