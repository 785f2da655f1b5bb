"""An ASGI request -> FhirRequest."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from starlette.requests import Request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Headers, Site, WaitClock
from gateway.fhir.interaction import NOT_FHIR, Interaction
from gateway.fhir.search_params import parse_search
from gateway.http.headers import CREDENTIALS
from gateway.http.negotiation import response_media_type
from gateway.http.request_path import Target
from gateway.settings import MountedUpstream, Settings, Upstream
from gateway.upstreams import DIALECTS
from gateway.upstreams.dialect import CredentialScheme, Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.web import request_checks
from gateway.web.public_url import public_base, public_origin
from gateway.web.request_id import request_id


@dataclass(frozen=True, slots=True)
class RequestAddress:
    """Where a request goes: its path, both bases above it, and the credential that belongs there.

    `find_site` gives the site, and raises Failure where it is unknown.
    """

    path: str
    public_base: str
    upstream_base: str
    credentials: CredentialScheme
    find_site: Callable[[], Site | None]


@dataclass(frozen=True, slots=True)
class RequestReader:
    """Reads requests by the settings of this gateway."""

    settings: Settings
    find_site: Callable[[str], Site | None]
    mounted_upstream: MountedUpstream | None = None

    async def read_fhir(self, request: Request) -> FhirRequest:
        """The FHIR request. Raises Failure 4xx that says what to change."""
        aim = self._with_default_site(
            request_checks.parse_target(request, self.settings.server.max_uri, self._mount_path), request
        )
        act = request_checks.parse_interaction(request.method, aim.path)
        scheme = self._scheme_of(aim.api)
        request_checks.require_credential(request, scheme)
        ours = public_base(request, self.settings.server)
        theirs = f"{self._upstream_base}/{aim.api}/sites/{aim.guid}/fhir/R4"
        place = RequestAddress(aim.path, ours, theirs, scheme, lambda: self._require_site(aim.guid))
        return await fhir_request(request, self.settings.server.max_body, act, place)

    async def read_passthrough(self, request: Request) -> FhirRequest:
        """A request to one of Halo's endpoints that are not FHIR, passed through as it came."""
        aim = request_checks.parse_target(request, self.settings.server.max_uri, self._mount_path)
        scheme = self._scheme_of(aim.api)
        request_checks.require_credential(request, scheme)
        ours = public_origin(request, self.settings.server) + self._mount_path
        place = RequestAddress(aim.path, ours, self._upstream_base, scheme, lambda: None)
        return await passthrough_request(request, self.settings.server.max_body, place)

    @property
    def _upstream_base(self) -> str:
        return base_url(self.mounted_upstream or self.settings.upstream)

    @property
    def _mount_path(self) -> str:
        return self.mounted_upstream.path if self.mounted_upstream else ""

    def _with_default_site(self, target: Target, request: Request) -> Target:
        """The target with its site: the one mounted as /fhir/R4 where the path names none."""
        if target.guid:
            return target
        if self.settings.server.default_site is None:
            raise Failure(catalog.SITE_NOT_MOUNTED)
        api = request_checks.api_from_credentials(request, self._dialect)
        return Target(api, self.settings.server.default_site, target.path)

    @property
    def _dialect(self) -> Dialect:
        return DIALECTS[self.mounted_upstream.dialect] if self.mounted_upstream else HALO_CONNECT

    def _scheme_of(self, api: str) -> CredentialScheme:
        """Credential of one API. Raises Failure 404 for any other first segment of a path."""
        if api not in self._dialect.apis:
            raise Failure(catalog.UNKNOWN_PATH)
        return self._dialect.scheme_of(api)

    def _require_site(self, guid: str) -> Site:
        site = self.find_site(guid)
        if site is None:
            raise Failure(catalog.SITE_ZONE_UNKNOWN)
        return site


async def fhir_request(
    request: Request, max_body: int, interaction: Interaction, address: RequestAddress
) -> FhirRequest:
    """A FHIR request for a place. Raises Failure 4xx, and what finding its site raises."""
    body = await request_checks.read_body(request, max_body)
    asked = request_checks.parse_request_search(request, interaction, body)
    return FhirRequest(
        method=request.method,
        interaction=interaction,
        path=address.path,
        public_base=address.public_base,
        upstream_base=address.upstream_base,
        response_format=response_media_type(asked.values("_format"), request.headers.get("accept", "")),
        site=address.find_site(),
        client_search=asked,
        upstream_search=asked.without_parameters("_format"),
        headers=_decode_headers(request, address.credentials),
        body=body,
        request_id=request_id_of(request),
        received_at=datetime.now(UTC),
        wait_clock=WaitClock(monotonic()),
    )


async def passthrough_request(request: Request, max_body: int, address: RequestAddress) -> FhirRequest:
    """A request that is not FHIR, to be passed through as it came. Raises Failure 4xx."""
    asked = parse_search(request.scope["query_string"].decode("ascii", "replace"))
    return FhirRequest(
        method=request.method,
        interaction=NOT_FHIR,
        path=address.path,
        public_base=address.public_base,
        upstream_base=address.upstream_base,
        site=address.find_site(),
        client_search=asked,
        upstream_search=asked,
        headers=_decode_headers(request, address.credentials),
        body=await request_checks.read_body(request, max_body),
        request_id=request_id_of(request),
        received_at=datetime.now(UTC),
    )


def base_url(upstream: Upstream) -> str:
    """The configured base of an upstream, without a trailing slash."""
    return str(upstream.url).rstrip("/")


def request_id_of(request: Request) -> str:
    """The name of this exchange."""
    return request_id(request.headers.get("x-request-id", ""))


def _decode_headers(request: Request, scheme: CredentialScheme) -> Headers:
    """Header fields without those of credentials that the upstream does not ask for."""
    foreign = CREDENTIALS.difference(scheme.headers)
    fields = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    return tuple(header for header in fields if header[0] not in foreign)
