"""What Halo Cloud says of sites, which costs no query (integrator OpenAPI, `/integrator/sites`)."""

from typing import TypeVar

import msgspec

from gateway.exchange import FhirRequest, Handler
from gateway.fhir.interaction import OTHER
from gateway.fhir.search_params import NOTHING, Search, parameter
from gateway.http.request_path import guid as checked
from gateway.sites.relocation import Practice


class _Site(msgspec.Struct):
    """A site's status, as far as it matters here; the OpenAPI file's names."""

    id: str = ""
    availability: str = ""
    authoritative: bool = False
    practiceManagementSiteId: str = ""  # noqa: N815 - Halo's name


class _Sites(msgspec.Struct):
    sites: list[_Site] = []


class SiteDirectory:
    """Looks at sites through the upstream, with the credentials of the request at hand."""

    def __init__(self, upstream: Handler) -> None:
        self._upstream = upstream

    async def online(self, request: FhirRequest) -> bool | None:
        """Whether Halo Cloud reaches the request's site; None when it does not say. Raises Failure."""
        site = await self._site(request, request.site.guid if request.site else "")
        return site.availability.lower() == "online" if site.availability else None

    async def successor(self, request: FhirRequest, practice: Practice) -> str:
        """The practice's new GUID; empty unless exactly one authoritative site has its PMS id.

        Raises Failure.
        """
        named = (
            parameter("practiceManagementSiteId", practice.pms_id),
            parameter("practiceManagementName", practice.pms_name),
        )
        answer = await self._upstream(_asking(request, "integrator/sites", Search(named)))
        old = request.site.guid if request.site else ""
        sites = {each.id.lower() for each in _read(answer.body, _Sites).sites} - {"", old}
        confirmed = [each for each in sorted(sites)[:_MOST] if await self._is(request, each, practice)]
        return confirmed[0] if len(confirmed) == 1 else ""

    async def _is(self, request: FhirRequest, guid: str, practice: Practice) -> bool:
        site = await self._site(request, guid)
        return site.authoritative and site.practiceManagementSiteId == practice.pms_id

    async def _site(self, request: FhirRequest, guid: str) -> _Site:
        answer = await self._upstream(_asking(request, f"integrator/sites/{checked(guid)}", NOTHING))
        return _read(answer.body, _Site)


#: Candidates that are looked at.
_MOST = 5
T = TypeVar("T")


def _asking(request: FhirRequest, path: str, search: Search) -> FhirRequest:
    """A request to Halo Cloud itself, beside the site's FHIR base."""
    surface, _, _ = request.upstream_base.partition("/sites/")
    origin = surface.rpartition("/")[0]
    return request.changed(
        method="GET",
        interaction=OTHER,
        path=path,
        upstream_base=origin,
        site=None,
        asked=search,
        search=search,
        body=b"",
        validator="",
    )


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError:
        return kind()
