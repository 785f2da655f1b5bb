"""Endpoints `/admin/cache` and `/admin/purge`: statistics of the cache, and purges."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.endpoints import EndpointTable
from gateway.admin.requests import SiteNames, bad_request, json_body, json_response, query_parameters
from gateway.fhir.resource_types import RESOURCE_TYPES

_log = structlog.get_logger()

#: Purges by site GUID, resource type and patient id; an empty type or id means all.
PurgeResponses = Callable[[str, str, str], Awaitable[None]]
ReadStatistics = Callable[[], Awaitable[Mapping[str, Any]]]


class PurgeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Responses to purge: those of a site, of one type, or those that may concern one patient."""

    site: str
    type: str | None = None
    patient: Annotated[str, Meta(pattern=r"^[A-Za-z0-9\-.]{1,64}$")] | None = None


@dataclass(frozen=True, slots=True)
class CacheEndpoints:
    """Statistics of the cache, and purges; `longest_age` of stored responses by site, in seconds."""

    read_statistics: ReadStatistics
    purge_responses: PurgeResponses
    site_names: SiteNames
    now: Callable[[], datetime]
    longest_age: Callable[[str], int] = lambda _: 0

    def endpoints(self) -> EndpointTable:
        """Endpoints by method and path."""
        return {("GET", "/admin/cache"): self.get_cache, ("POST", "/admin/purge"): self.post_purge}

    async def get_cache(self, request: Request) -> Response:
        """Return the statistics of store and cache. Raises Failure 400."""
        query_parameters(request, ())
        return json_response(await self.read_statistics(), self.now())

    async def post_purge(self, request: Request) -> Response:
        """Purge responses. Raises Failure 400."""
        query_parameters(request, ())
        purge = await json_body(request, PurgeRequest, _PURGE_USAGE)
        site = self.site_names.require_served(purge.site)
        if purge.type is not None and purge.type not in RESOURCE_TYPES:
            raise bad_request("type must be a resource type of FHIR R4, with a capital.", "type")
        await self.purge_responses(site, purge.type or "", purge.patient or "")
        scope = "patient" if purge.patient else "type" if purge.type else "site"
        _log.info("cache-purged", site=self.site_names.display_name(site), what=scope, type=purge.type or "")
        fields = {"purged": scope, "site": site, "longestAge": self.longest_age(site)}
        return json_response(fields, self.now())


_PURGE_USAGE = (
    'Send JSON like {"site": "<Halo GUID or alias>", "type": "Patient", "patient": "1"}. type and patient are'
    " optional; other members are not allowed."
)


def outcomes_by_type(outcome_counts: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """Count requests by outcome, in total and by resource type."""
    totals, types = Counter[str](), dict[str, dict[str, int]]()
    for (type_, outcome), count in sorted(outcome_counts.items()):
        totals[outcome] += count
        types.setdefault(type_ or "none", {})[outcome] = count
    return {"requests": dict(totals), "types": types}
