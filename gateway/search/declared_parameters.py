"""Date parameters that a site declares in its CapabilityStatement in addition to R4's."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from cachetools import LRUCache

from gateway.dates.registry import DateParameter, date_parameter, declared_parameter, is_registered
from gateway.dates.support import ParameterKey
from gateway.errors.failure import Failure, call_after
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler, Site, UpstreamUse
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import NO_PARAMETERS

_log = structlog.get_logger()
_STATEMENT_LIFETIME = timedelta(hours=1)
#: Sites whose declared parameters are stored; the least recently used is evicted.
_MAX_SITES = 1_024

#: Date parameters by resource type and code.
DeclaredDates = Mapping[ParameterKey, DateParameter]


class DeclaredParameters:
    """Adds a site's declared date parameters to a search with a parameter that R4 lacks.

    Reading the statement does not use the practice's database (Halo Connect, FHIR examples); it is stored
    for an hour. If the site does not respond, the gateway sends the parameter upstream unchanged.
    """

    def __init__(self, inner: Handler, upstream: Handler) -> None:
        self._inner = inner
        self._upstream = upstream
        self._stored_dates: LRUCache[str, tuple[datetime, Mapping[ParameterKey, DateParameter]]] = LRUCache(
            _MAX_SITES
        )

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler, if needed with the declared date parameters of the site."""
        site = request.site
        if site is None or not request.interaction.is_search or not has_undeclared_parameters(request):
            return await self._inner(request)
        declared, use = await self._declared_dates(request, site)
        dates = {**declared, **site.date_support.declared_parameters}
        if dates:
            site = replace(site, date_support=replace(site.date_support, declared_parameters=dates))
        return await call_after(use, self._inner, request.replace(site=site))

    async def _declared_dates(self, request: FhirRequest, site: Site) -> tuple[DeclaredDates, UpstreamUse]:
        fetched_at, dates = self._stored_dates.get(site.guid, (None, {}))
        if fetched_at is not None and request.received_at - fetched_at <= _STATEMENT_LIFETIME:
            return dates, NO_USE
        dates, use = await self._fetch_declared_dates(request)
        self._stored_dates[site.guid] = (request.received_at, dates)
        return dates, use

    async def _fetch_declared_dates(self, request: FhirRequest) -> tuple[DeclaredDates, UpstreamUse]:
        try:
            response = await self._upstream(
                request.replace(
                    method="GET",
                    interaction=Interaction("capabilities"),
                    path="metadata",
                    upstream_search=NO_PARAMETERS,
                    client_search=NO_PARAMETERS,
                    body=b"",
                )
            )
        except Failure as failure:
            _log.warning("metadata-unavailable", code=failure.kind.code)
            return {}, failure.upstream_use
        return parse_declared_dates(response.body), response.upstream_use


def has_undeclared_parameters(request: FhirRequest) -> bool:
    """Whether a search contains a parameter that R4 does not define for its resource type."""
    resource_type, parameters = request.interaction.type, request.upstream_search.parameters
    codes = (parameter.code for parameter in parameters if "." not in parameter.name)
    return any(not code.startswith("_") and not is_registered(resource_type, code) for code in codes)


def parse_declared_dates(statement: bytes) -> Mapping[ParameterKey, DateParameter]:
    """Parse the date parameters in a CapabilityStatement that R4 lacks; none if it is unreadable."""
    try:
        body = msgspec.json.decode(statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {
        key: declared_parameter(*key) for key in _date_parameter_keys(body) if date_parameter(*key) is None
    }


def _date_parameter_keys(body: Any) -> Iterator[ParameterKey]:
    for rest in _objects_in(body, "rest"):
        for resource in _objects_in(rest, "resource"):
            for parameter in _objects_in(resource, "searchParam"):
                if parameter.get("type") == "date":
                    yield str(resource.get("type")), str(parameter.get("name"))


def _objects_in(body: Any, name: str) -> Iterator[dict[str, Any]]:
    items = body.get(name) if isinstance(body, dict) else None
    yield from (item for item in (items if isinstance(items, list) else []) if isinstance(item, dict))
