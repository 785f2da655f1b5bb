"""What Halo Cloud says of sites, which costs no query (integrator OpenAPI, `/integrator/sites`)."""

from typing import TypeVar

import msgspec

from gateway.exchange import FhirRequest, Handler
from gateway.fhir.interaction import NOT_FHIR
from gateway.fhir.search_params import NO_PARAMETERS, SearchParams, encode_parameter
from gateway.http.request_path import parse_guid as checked
from gateway.sites.relocation import PmsIdentity


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

    async def is_online(self, request: FhirRequest) -> bool | None:
        """Whether Halo Cloud reaches the request's site; None when it does not say. Raises Failure."""
        site = await self._fetch_site(request, request.site.guid if request.site else "")
        return site.availability.lower() == "online" if site.availability else None

    async def find_successor(self, request: FhirRequest, identity: PmsIdentity) -> str:
        """The practice's new GUID; empty unless exactly one authoritative site has its PMS id.

        Raises Failure.
        """
        named = (
            encode_parameter("practiceManagementSiteId", identity.pms_id),
            encode_parameter("practiceManagementName", identity.pms_name),
        )
        answer = await self._upstream(_directory_request(request, "integrator/sites", SearchParams(named)))
        old = request.site.guid if request.site else ""
        sites = {each.id.lower() for each in _decode_or_default(answer.body, _Sites).sites} - {"", old}
        confirmed = [
            each
            for each in sorted(sites)[:_MAX_CANDIDATES]
            if await self._is_successor(request, each, identity)
        ]
        return confirmed[0] if len(confirmed) == 1 else ""

    async def _is_successor(self, request: FhirRequest, guid: str, identity: PmsIdentity) -> bool:
        site = await self._fetch_site(request, guid)
        return site.authoritative and site.practiceManagementSiteId == identity.pms_id

    async def _fetch_site(self, request: FhirRequest, guid: str) -> _Site:
        answer = await self._upstream(
            _directory_request(request, f"integrator/sites/{checked(guid)}", NO_PARAMETERS)
        )
        return _decode_or_default(answer.body, _Site)


#: Candidates that are looked at.
_MAX_CANDIDATES = 5
T = TypeVar("T")


def _directory_request(request: FhirRequest, path: str, search: SearchParams) -> FhirRequest:
    """A request to Halo Cloud itself, beside the site's FHIR base."""
    surface, _, _ = request.upstream_base.partition("/sites/")
    origin = surface.rpartition("/")[0]
    return request.replace(
        method="GET",
        interaction=NOT_FHIR,
        path=path,
        upstream_base=origin,
        site=None,
        client_search=search,
        upstream_search=search,
        body=b"",
        if_none_match="",
    )


def _decode_or_default(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError:
        return kind()
