"""Asks a site's CapabilityStatement which of its own parameters are dates, where a search names one."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from cachetools import LRUCache

from gateway.dates.registry import DateParameter, date_parameter, declared_parameter, is_registered
from gateway.dates.support import ParameterKey
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import NO_PARAMETERS

_log = structlog.get_logger()
_STATEMENT_LIFETIME = timedelta(hours=1)
#: Sites whose statements are remembered.
_MAX_SITES = 1_024


class DeclaredParameters:
    """A search with an unknown parameter goes on knowing whether the site declares it as a date.

    The statement does not touch the practice's database (Halo Connect, FHIR examples); it is kept for an
    hour. A site that does not answer leaves the parameter unknown: it goes upstream as it came.
    """

    def __init__(self, inner: Handler, upstream: Handler) -> None:
        self._inner = inner
        self._upstream = upstream
        self._known: LRUCache[str, tuple[datetime, Mapping[ParameterKey, DateParameter]]] = LRUCache(
            _MAX_SITES
        )

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer."""
        site = request.site
        if site is None or not request.interaction.is_search or not has_undeclared_parameters(request):
            return await self._inner(request)
        found = {**await self._declared_dates(request, site), **site.date_support.declared_parameters}
        informed = (
            replace(site, date_support=replace(site.date_support, declared_parameters=found))
            if found
            else site
        )
        return await self._inner(request.replace(site=informed))

    async def _declared_dates(self, request: FhirRequest, site: Site) -> Mapping[ParameterKey, DateParameter]:
        since, known = self._known.get(site.guid, (None, {}))
        if since is None or request.received_at - since > _STATEMENT_LIFETIME:
            known = await self._fetch_declared_dates(request)
            self._known[site.guid] = (request.received_at, known)
        return known

    async def _fetch_declared_dates(self, request: FhirRequest) -> Mapping[ParameterKey, DateParameter]:
        metadata = Interaction("capabilities")
        try:
            answer = await self._upstream(
                request.replace(
                    method="GET",
                    interaction=metadata,
                    path="metadata",
                    upstream_search=NO_PARAMETERS,
                    client_search=NO_PARAMETERS,
                    body=b"",
                )
            )
        except Failure as failure:
            _log.warning("metadata-unavailable", code=failure.kind.code)
            return {}
        return parse_declared_dates(answer.body)


def has_undeclared_parameters(request: FhirRequest) -> bool:
    """Whether a search names a parameter that R4 does not have on its type."""
    kind = request.interaction.type
    codes = (each.code for each in request.upstream_search.parameters if "." not in each.name)
    return any(not code.startswith("_") and not is_registered(kind, code) for code in codes)


def parse_declared_dates(statement: bytes) -> Mapping[ParameterKey, DateParameter]:
    """The parameters of type date in a CapabilityStatement that R4 lacks; none of what cannot be read."""
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
            for each in _objects_in(resource, "searchParam"):
                if each.get("type") == "date":
                    yield str(resource.get("type")), str(each.get("name"))


def _objects_in(body: Any, name: str) -> Iterator[dict[str, Any]]:
    found = body.get(name) if isinstance(body, dict) else None
    yield from (each for each in (found if isinstance(found, list) else []) if isinstance(each, dict))
