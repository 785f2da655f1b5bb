"""Requests to an upstream that is mounted at its own path (`upstreams.<name>`)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from starlette.requests import Request

from gateway.dates.timezones import load_zone
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import SAFE_METHODS, Interaction, allowed_methods
from gateway.fhir.resource_types import RESOURCE_TYPES_BY_VERSION
from gateway.http.base_urls import ORIGIN_SEGMENT, parse_base
from gateway.http.fhir_paths import is_async_status
from gateway.http.request_path import async_status_path, is_on_origin, path_below_base
from gateway.repairs import HALO_ISSUE_IDS
from gateway.settings import MountedUpstream, Settings
from gateway.upstreams.dialect import CredentialScheme
from gateway.web import request_checks, request_reader
from gateway.web.passthrough_checks import (
    PASSED_METHODS,
    require_common_method,
    require_one_idempotency_key,
)
from gateway.web.public_url import public_origin
from gateway.web.request_reader import base_url

_STATUS_INTERACTIONS = {
    "GET": Interaction("operation", operation="RequestResult"),
    "HEAD": Interaction("operation", operation="RequestResult"),
    "DELETE": Interaction("delete", operation="RequestResult"),
}
#: Page of a search whose URL is the base with a token of the upstream, such as `?_getpages=…`: of any type.
_PAGE = Interaction("search-type")
#: Token endpoint of a FHIR server, on the origin of its base; clients may write it below the base, too.
_TOKEN_PATH = "oauth/token"  # noqa: S105 - a path
#: Documents about the base, such as SMART's `smart-configuration`, that are read without a credential.
_WELL_KNOWN = ".well-known/"


@dataclass(frozen=True, slots=True)
class MountedRequestReader:
    """Reads requests below one mount. The whole upstream is one site, without a practice.

    `version_of` returns the version of its software, as far as this process knows it.
    """

    settings: Settings
    name: str
    upstream: MountedUpstream
    version_of: Callable[[str], str] = lambda _: ""

    async def read_fhir(self, request: Request) -> FhirRequest:
        """Read a FHIR request, or one to pass through on the upstream's origin. Raises Failure 4xx."""
        path, method = self._parse_path(request), request.method
        interaction = self._status_interaction(method, path)
        if interaction is None and is_on_origin(path):
            return await self._read_unchanged(request, path)
        interaction = interaction or (
            _PAGE
            if _is_page_of_base(request, path)
            else request_checks.parse_interaction(method, path, self.upstream.fhir_version)
        )
        request_checks.require_credential(request, self._scheme)
        self._require_one_idempotency_key(request)
        address = self._address(request, path)
        return await request_reader.fhir_request(request, self.settings, interaction, address)

    async def read_passthrough(self, request: Request) -> FhirRequest:
        """Read a request to pass through; it may request a token without a credential. Raises Failure 4xx."""
        server = self.settings.server
        path = request_checks.parse_unchanged_path(request, server.max_uri, self.upstream.path)
        return await self._read_unchanged(request, path)

    def methods_of(self, path: str) -> Collection[str]:
        """Methods of a path below the mount of a FHIR upstream; none for an unknown path."""
        first, slash, rest = path.partition("/")
        is_beside = first == ORIGIN_SEGMENT
        if is_async_status(path) or (is_beside and async_status_path(base_url(self.upstream), slash + rest)):
            return _STATUS_INTERACTIONS
        if is_beside or path == _TOKEN_PATH or path.startswith(_WELL_KNOWN):
            return PASSED_METHODS
        methods = allowed_methods(path, RESOURCE_TYPES_BY_VERSION[self.upstream.fhir_version])
        return methods if path else {*methods, *SAFE_METHODS}

    async def _read_unchanged(self, request: Request, path: str) -> FhirRequest:
        """Read a request whose credential, method and content are the upstream's matter."""
        require_common_method(request.method)
        request_checks.require_single_credential(request, self._scheme)
        self._require_one_idempotency_key(request)
        address = self._address(request, path)
        result = await request_reader.passthrough_request(request, self.settings, address)
        return request_reader.with_deadline(result, self.settings)

    def _status_interaction(self, method: str, path: str) -> Interaction | None:
        """Interaction with an asynchronous job, whose URL is below the upstream's base or beside it.

        Raises Failure 405 for another method on a URL beside the base.
        """
        first, slash, rest = path.partition("/")
        is_beside = first == ORIGIN_SEGMENT and async_status_path(base_url(self.upstream), slash + rest)
        if is_beside and method not in _STATUS_INTERACTIONS:
            raise request_checks.method_failure(sorted(_STATUS_INTERACTIONS))
        return _STATUS_INTERACTIONS.get(method) if is_beside or is_async_status(path) else None

    def _require_one_idempotency_key(self, request: Request) -> None:
        """Check the key that the upstream's dialect has; to any other upstream the field means nothing."""
        name = self.upstream.resolved_dialect.idempotency_header
        require_one_idempotency_key(request.headers.getlist(name) if name else ())

    def _parse_path(self, request: Request) -> str:
        path = request_checks.parse_path(request, self.settings.server.max_uri, self.upstream.path)
        base = base_url(self.upstream)
        if path == _TOKEN_PATH:
            return f"{ORIGIN_SEGMENT}/{path}"
        if path.startswith(_WELL_KNOWN):
            return f"{ORIGIN_SEGMENT}{parse_base(base).path}/{path}"
        return path_below_base(path, base, self.upstream.fhir_version)

    def _address(self, request: Request, path: str) -> request_reader.RequestAddress:
        base = public_origin(request, self.settings.server) + self.upstream.path
        setting = f"upstreams.{self.name}.max_request_body"
        return request_reader.RequestAddress(
            path,
            base,
            base_url(self.upstream),
            self._scheme,
            self._upstream_site,
            request_reader.BodyLimit(self.upstream.request_body_limit, setting),
            self.upstream.fhir_version,
        )

    @property
    def _scheme(self) -> CredentialScheme:
        return self.upstream.resolved_dialect.scheme_of()

    def _upstream_site(self) -> Site:
        switched_off = {name for name, is_on in self.settings.repairs.items() if not is_on}
        return Site(
            self.name,
            load_zone("UTC"),
            self.name,
            frozenset(switched_off - HALO_ISSUE_IDS),
            engine_version=self.version_of(self.name),
            is_mount=True,
            fhir_version=self.upstream.fhir_version,
        )


def _is_page_of_base(request: Request, path: str) -> bool:
    """Whether the URL is the base with a query, by which HAPI links to the pages of a search."""
    return not path and request.method in SAFE_METHODS and bool(request.url.query)
