"""Requests to an upstream that is mounted at its own path (`upstreams.<name>`)."""

from dataclasses import dataclass

from starlette.requests import Request

from gateway.dates.timezones import load_zone
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import Interaction
from gateway.http.request_path import ORIGIN_SEGMENT, async_status_path, is_async_status
from gateway.settings import MountedUpstream, Settings
from gateway.upstreams.dialect import CredentialScheme
from gateway.web import request_checks, request_reader
from gateway.web.public_url import public_origin
from gateway.web.request_reader import base_url

_STATUS_INTERACTIONS = {
    "GET": Interaction("operation", operation="RequestResult"),
    "HEAD": Interaction("operation", operation="RequestResult"),
    "DELETE": Interaction("delete", operation="RequestResult"),
}


@dataclass(frozen=True, slots=True)
class MountedRequestReader:
    """Reads requests below one mount. The whole upstream is one site, without a practice."""

    settings: Settings
    name: str
    upstream: MountedUpstream

    async def read_fhir(self, request: Request) -> FhirRequest:
        """Read a FHIR request; the status of an asynchronous request is an operation. Raises Failure 4xx."""
        path, method = self._parse_path(request), request.method
        interaction = self._status_interaction(method, path) or request_checks.parse_interaction(method, path)
        request_checks.require_credential(request, self._scheme)
        return await request_reader.fhir_request(
            request, self.settings, interaction, self._address(request, path)
        )

    async def read_passthrough(self, request: Request) -> FhirRequest:
        """Read a request to pass through; it may request a token without a credential. Raises Failure 4xx."""
        request_checks.require_common_method(request)
        request_checks.require_single_credential(request, self._scheme)
        address = self._address(request, self._parse_path(request))
        return await request_reader.passthrough_request(
            request, self.settings, address, self.settings.server.max_body
        )

    def _status_interaction(self, method: str, path: str) -> Interaction | None:
        """Interaction with an asynchronous job, whose URL is below the upstream's base or beside it."""
        first, slash, rest = path.partition("/")
        is_beside = first == ORIGIN_SEGMENT and async_status_path(base_url(self.upstream), slash + rest)
        return _STATUS_INTERACTIONS.get(method) if is_beside or is_async_status(path) else None

    def _parse_path(self, request: Request) -> str:
        return request_checks.parse_path(request, self.settings.server.max_uri, self.upstream.path)

    def _address(self, request: Request, path: str) -> request_reader.RequestAddress:
        base = public_origin(request, self.settings.server) + self.upstream.path
        return request_reader.RequestAddress(
            path, base, base_url(self.upstream), self._scheme, self._upstream_site
        )

    @property
    def _scheme(self) -> CredentialScheme:
        return self.upstream.resolved_dialect.scheme_of()

    def _upstream_site(self) -> Site:
        disabled = frozenset(name for name, is_on in self.settings.repairs.items() if not is_on)
        return Site(self.name, load_zone("UTC"), self.name, disabled)
