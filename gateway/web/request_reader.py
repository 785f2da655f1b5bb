"""An ASGI request -> FhirRequest."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from starlette.requests import Request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Headers, Site, Waiting
from gateway.fhir.interaction import OTHER, Interaction
from gateway.fhir.search_params import search
from gateway.http.negotiation import answered_as
from gateway.http.request_path import Target
from gateway.settings import MountedUpstream, Settings, Upstream
from gateway.web import request_checks
from gateway.web.public_url import origin, public_base
from gateway.web.request_id import request_id


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes: its path, and the base above it on our side and on the upstream's."""

    path: str
    public_base: str
    upstream_base: str
    site: Callable[[], Site | None]


@dataclass(frozen=True, slots=True)
class Incoming:
    """Reads requests by the settings of this gateway."""

    settings: Settings
    sites: Callable[[str], Site | None]
    mounted: MountedUpstream | None = None

    async def fhir(self, request: Request) -> FhirRequest:
        """The FHIR request. Raises Failure 4xx that says what to change."""
        aim = self._at_site(request_checks.aimed(request, self.settings.server.max_uri, self._mount), request)
        act = request_checks.interacting(request.method, aim.path)
        request_checks.authenticated(request, aim.surface)
        ours = public_base(request, self.settings.server)
        theirs = f"{self._upstream}/{aim.surface}/sites/{aim.guid}/fhir/R4"
        place = Place(aim.path, ours, theirs, lambda: self._site(aim.guid))
        return await fhir(request, self.settings.server.max_body, act, place)

    async def other(self, request: Request) -> FhirRequest:
        """A request to one of Halo's endpoints that are not FHIR, passed through as it came."""
        aim = request_checks.aimed(request, self.settings.server.max_uri, self._mount)
        request_checks.authenticated(request, aim.surface)
        ours = origin(request, self.settings.server) + self._mount
        return await other(
            request, self.settings.server.max_body, Place(aim.path, ours, self._upstream, lambda: None)
        )

    @property
    def _upstream(self) -> str:
        return base_of(self.mounted or self.settings.upstream)

    @property
    def _mount(self) -> str:
        return self.mounted.path if self.mounted else ""

    def _at_site(self, aim: Target, request: Request) -> Target:
        """The target with its site: the one mounted as /fhir/R4 where the path names none."""
        if aim.guid:
            return aim
        if self.settings.server.site is None:
            raise Failure(catalog.SITE_NOT_MOUNTED)
        return Target(request_checks.surface(request), self.settings.server.site, aim.path)

    def _site(self, guid: str) -> Site:
        site = self.sites(guid)
        if site is None:
            raise Failure(catalog.SITE_ZONE_UNKNOWN)
        return site


async def fhir(request: Request, max_body: int, act: Interaction, place: Place) -> FhirRequest:
    """A FHIR request for a place. Raises Failure 4xx, and what finding its site raises."""
    body = await request_checks.body(request, max_body)
    asked = request_checks.searched(request, act, body)
    return FhirRequest(
        method=request.method,
        interaction=act,
        path=place.path,
        public_base=place.public_base,
        upstream_base=place.upstream_base,
        accepted=answered_as(asked.values("_format"), request.headers.get("accept", "")),
        site=place.site(),
        asked=asked,
        search=asked.without("_format"),
        headers=_headers(request),
        body=body,
        request_id=named(request),
        received=datetime.now(UTC),
        waiting=Waiting(monotonic()),
    )


async def other(request: Request, max_body: int, place: Place) -> FhirRequest:
    """A request that is not FHIR, to be passed through as it came. Raises Failure 4xx."""
    asked = search(request.scope["query_string"].decode("ascii", "replace"))
    return FhirRequest(
        method=request.method,
        interaction=OTHER,
        path=place.path,
        public_base=place.public_base,
        upstream_base=place.upstream_base,
        site=place.site(),
        asked=asked,
        search=asked,
        headers=_headers(request),
        body=await request_checks.body(request, max_body),
        request_id=named(request),
        received=datetime.now(UTC),
    )


def base_of(upstream: Upstream) -> str:
    """The configured base of an upstream, without a trailing slash."""
    return str(upstream.url).rstrip("/")


def named(request: Request) -> str:
    """The name of this exchange."""
    return request_id(request.headers.get("x-request-id", ""))


def _headers(request: Request) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
