"""Site directory of Halo Cloud, which costs no query (integrator OpenAPI, `/integrator/sites`)."""

from typing import NamedTuple, TypeVar

import msgspec

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.interaction import NOT_FHIR
from gateway.fhir.raw_json import decode_readable
from gateway.fhir.search_params import NO_PARAMETERS, SearchParams, encode_parameter
from gateway.http.request_path import parse_guid
from gateway.upstreams import failures

T = TypeVar("T")


class DirectorySite(msgspec.Struct):
    """The fields of a site's status that the gateway uses, with the OpenAPI file's names."""

    id: str = ""
    availability: str = ""
    authoritative: bool = False
    practiceManagementSiteId: str = ""  # noqa: N815 - Halo's name
    haloLinkVersion: str = ""  # noqa: N815 - Halo's name


class DirectoryPage(msgspec.Struct):
    """A page of the site directory."""

    sites: list[DirectorySite]


class PmsIdentity(NamedTuple):
    """Identity of a practice that a new GUID does not change: id and product name of its practice software.

    `follow_relocation`: send requests to the new GUID; else only log it.
    """

    pms_id: str
    pms_name: str
    follow_relocation: bool = False


class SiteDirectory:
    """Reads the status of sites from Halo Cloud, with the credentials of the current request."""

    def __init__(self, upstream: Handler) -> None:
        self._upstream = upstream

    async def is_online(self, request: FhirRequest) -> bool | None:
        """Whether Halo Cloud reaches the request's site; None if the status lacks it. Raises Failure."""
        response = await self._fetch_site(request, request.site.guid if request.site else "")
        site = decode_or_none(response.body, DirectorySite)
        return site.availability.lower() == "online" if site and site.availability else None

    async def find_successor(self, request: FhirRequest, identity: PmsIdentity) -> str:
        """Return the practice's new GUID; empty unless exactly one authoritative site has its PMS id.

        Raises Failure, also for a response that is not the directory's.
        """
        parameters = (
            encode_parameter("practiceManagementSiteId", identity.pms_id),
            encode_parameter("practiceManagementName", identity.pms_name),
        )
        response = await self._upstream(
            _directory_request(request, "integrator/sites", SearchParams(parameters))
        )
        old_guid = request.site.guid if request.site else ""
        page = _require_decoded(response, DirectoryPage)
        guids = {site.id.lower() for site in page.sites} - {"", old_guid}
        successors = [
            guid
            for guid in sorted(guids)[:_MAX_CANDIDATES]
            if await self._is_successor(request, guid, identity)
        ]
        return successors[0] if len(successors) == 1 else ""

    async def _is_successor(self, request: FhirRequest, guid: str, identity: PmsIdentity) -> bool:
        site = _require_decoded(await self._fetch_site(request, guid), DirectorySite)
        return site.authoritative and site.practiceManagementSiteId == identity.pms_id

    async def _fetch_site(self, request: FhirRequest, guid: str) -> FhirResponse:
        return await self._upstream(
            _directory_request(request, f"integrator/sites/{parse_guid(guid)}", NO_PARAMETERS)
        )


#: Candidates whose status is read: limits the requests of one lookup.
_MAX_CANDIDATES = 5


def _directory_request(request: FhirRequest, path: str, search: SearchParams) -> FhirRequest:
    """Return a request to Halo Cloud itself, outside the site's FHIR base."""
    api_base, has_site, _ = request.upstream_base.partition("/sites/")
    origin = api_base.rpartition("/")[0] if has_site else api_base  # SQL has the site in its path
    return request.replace(
        method="GET",
        interaction=NOT_FHIR,
        path=path,
        upstream_base=origin,
        site=None,
        client_search=search,
        upstream_search=search,
        body=b"",
    )


def _require_decoded(response: FhirResponse, kind: type[T]) -> T:
    decoded = decode_or_none(response.body, kind)
    if decoded is None:
        raise Failure(failures.NOT_FHIR).with_upstream_use(response.upstream_use)
    return decoded


def decode_or_none(body: bytes, kind: type[T]) -> T | None:
    """Decode JSON to a struct; None if the body, also a skipped field, is unreadable or does not fit."""
    try:
        return decode_readable(body, lambda text: msgspec.json.decode(text.decode(), type=kind))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
