"""Conversion of an ASGI request to a FhirRequest."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple

from starlette.requests import Request

from gateway.dates.timezones import load_zone
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Headers, Site
from gateway.fhir.interaction import NOT_FHIR, SAFE_METHODS, Interaction
from gateway.fhir.resource_types import FhirVersion
from gateway.fhir.search_params import SearchParams
from gateway.http.headers import CREDENTIALS, SENT_HEADERS, is_plain_value
from gateway.http.negotiation import (
    JSON_MEDIA_TYPES,
    content_media_types,
    response_media_type,
    result_media_types,
)
from gateway.http.proved_callers import caller_at_upstream
from gateway.http.request_path import Target
from gateway.resilience.backoff import max_wait, max_wait_of
from gateway.settings import MountedUpstream, Settings, Upstream
from gateway.sql.interaction import sql_interaction
from gateway.sql.operation import parse_operation
from gateway.upstreams.dialect import CredentialScheme, Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.web import request_checks
from gateway.web.client_address import client_address
from gateway.web.passthrough_checks import parse_unchanged_query, require_common_method
from gateway.web.public_url import public_base, public_origin
from gateway.web.request_id import request_id

#: Conditions of a read that name a form of the resource; the gateway's ETags are those of the JSON form, so
#: that a client which may get the content of a Binary in its own type must get the whole answer.
_FORM_CONDITIONS = frozenset({"if-modified-since", "if-none-match"})


class BodyLimit(NamedTuple):
    """Maximum size of a request body, in bytes, and the setting that a refusal names, if any."""

    size: int
    setting: str = ""


@dataclass(frozen=True, slots=True)
class RequestAddress:
    """Target of a request: its path, both bases above it, and the credential of the API.

    `find_site` returns the site, and raises Failure if it is unknown. `version`: that of the upstream's FHIR;
    None for Halo, which has R4, and the content of a Binary only in FHIR.
    """

    path: str
    public_base: str
    upstream_base: str
    credentials: CredentialScheme
    find_site: Callable[[], Site | None]
    body_limit: BodyLimit
    version: FhirVersion | None = None


def _site_in_utc(guid: str) -> Site:
    return Site(guid, load_zone("UTC"), guid[:8])


@dataclass(frozen=True, slots=True)
class RequestReader:
    """Reads requests to Halo Connect; `mounted_upstream` is set for a Halo Connect in `upstreams.<name>`.

    `site_for_sql` returns the site of a GUID, also without a time zone: SQL goes to practices without one.
    """

    settings: Settings
    find_site: Callable[[str], Site | None]
    mounted_upstream: MountedUpstream | None = None
    site_for_sql: Callable[[str], Site] = _site_in_utc

    async def read_fhir(self, request: Request) -> FhirRequest:
        """Read a FHIR request. Raises Failure 4xx."""
        target = self._with_default_site(
            request_checks.parse_target(request, self.settings.server.max_uri, self._mount_path), request
        )
        interaction = request_checks.parse_interaction(request.method, target.path)
        scheme = self._scheme_of(target.api)
        request_checks.require_credential(request, scheme)
        base = public_base(request, self.settings.server)
        upstream_base = f"{self._upstream_base}/{target.api}/sites/{target.guid}/fhir/R4"
        address = RequestAddress(
            target.path,
            base,
            upstream_base,
            scheme,
            lambda: self._require_site(target.guid),
            self._body_limit,
        )
        return await fhir_request(request, self.settings, interaction, address)

    async def read_passthrough(self, request: Request) -> FhirRequest:
        """Read a request to another endpoint of Halo, to pass it through unchanged. Raises Failure 4xx."""
        address = self._passed_address(request, lambda: None)
        return await passthrough_request(request, self.settings, address)

    async def read_sql(self, request: Request) -> FhirRequest:
        """Read a request to SQL Passthrough, to pass it through unchanged. Raises Failure 4xx."""
        guid = request.path_params.get("siteId", "").lower()
        address = self._passed_address(request, lambda: self.site_for_sql(guid))
        operation = parse_operation(request.method, address.path)
        is_submission = operation is not None and operation.is_submission
        if is_submission:
            address = replace(address, body_limit=BodyLimit(self.settings.sql.max_body))
        result = await passthrough_request(request, self.settings, address)
        interaction = sql_interaction(request.method, address.path, result.body)
        return with_deadline(result.replace(interaction=interaction), self.settings)

    def _passed_address(self, request: Request, find_site: Callable[[], Site | None]) -> RequestAddress:
        """Address of a request that is not FHIR. Raises Failure 4xx."""
        require_common_method(request.method)
        target = request_checks.parse_target(request, self.settings.server.max_uri, self._mount_path)
        scheme = self._scheme_of(target.api)
        request_checks.require_credential(request, scheme)
        base = public_origin(request, self.settings.server) + self._mount_path
        return RequestAddress(target.path, base, self._upstream_base, scheme, find_site, self._body_limit)

    @property
    def _body_limit(self) -> BodyLimit:
        own = self.mounted_upstream.max_request_body if self.mounted_upstream else None
        return BodyLimit(own or self.settings.server.max_body)

    @property
    def _upstream_base(self) -> str:
        return base_url(self.mounted_upstream or self.settings.upstream)

    @property
    def _mount_path(self) -> str:
        return self.mounted_upstream.path if self.mounted_upstream else ""

    def _with_default_site(self, target: Target, request: Request) -> Target:
        """Add `server.default_site` to a target without a site. Raises Failure 401 or 404."""
        if target.guid:
            return target
        if self.settings.server.default_site is None:
            raise Failure(catalog.SITE_NOT_MOUNTED)
        api = request_checks.api_from_credentials(request, self._dialect)
        return Target(api, self.settings.server.default_site, target.path)

    @property
    def _dialect(self) -> Dialect:
        return self.mounted_upstream.resolved_dialect if self.mounted_upstream else HALO_CONNECT

    def _scheme_of(self, api: str) -> CredentialScheme:
        """Credential of an API. Raises Failure 404 for an unknown API."""
        if api not in self._dialect.apis:
            raise Failure(catalog.UNKNOWN_PATH)
        return self._dialect.scheme_of(api)

    def _require_site(self, guid: str) -> Site:
        site = self.find_site(guid)
        if site is None:
            raise Failure(catalog.SITE_ZONE_UNKNOWN)
        return site


async def fhir_request(
    request: Request, settings: Settings, interaction: Interaction, address: RequestAddress
) -> FhirRequest:
    """Build a FHIR request to an address. Raises Failure 4xx, also for an unknown site."""
    body = await request_checks.read_body(request, *address.body_limit)
    body = request_checks.without_byte_order_mark(request, body)
    headers = _decode_headers(request, address.credentials)
    search = request_checks.parse_request_search(request, interaction, body, settings, address.version)
    response_format = _response_format(request, interaction, search, address.version)
    if response_format not in JSON_MEDIA_TYPES:
        headers = tuple(header for header in headers if header[0] not in _FORM_CONDITIONS)
    max_seconds = settings.retry.max_wait_seconds
    return FhirRequest(
        method=request.method,
        interaction=interaction,
        path=address.path,
        public_base=address.public_base,
        upstream_base=address.upstream_base,
        response_format=response_format,
        site=address.find_site(),
        client_search=search,
        upstream_search=search.without_parameters("_format"),
        headers=headers,
        body=b"" if request.method in SAFE_METHODS else body,
        request_id=request_id_of(request),
        client_address=client_address(request, settings.server),
        caller=caller_at_upstream(address.upstream_base, headers),
        received_at=datetime.now(UTC),
        deadline=monotonic() + max_wait_of(request.headers.get("prefer", ""), max_seconds),
    )


def with_deadline(request: FhirRequest, settings: Settings) -> FhirRequest:
    """Return a copy that may wait until the client's limit, or that of the settings, has passed."""
    return request.replace(deadline=monotonic() + max_wait(request, settings.retry.max_wait_seconds))


def _response_format(
    request: Request, interaction: Interaction, search: SearchParams, version: FhirVersion | None
) -> str:
    """Media type of the response; several for the content of a Binary or a file. Raises Failure 406."""
    accept = request.headers.get("accept", "")
    formats, is_binary = search.values("_format"), interaction.is_binary_read
    if is_binary and version:
        return content_media_types(formats, accept, version)
    if interaction.code == "operation" and version:
        return result_media_types(formats, accept, version)
    return response_media_type(formats, accept, is_binary=is_binary, version=version or "4.0")


async def passthrough_request(request: Request, settings: Settings, address: RequestAddress) -> FhirRequest:
    """Build a request to pass through unchanged. Raises Failure 4xx."""
    limits = None if address.version else settings.search.limits  # those of Halo's own endpoints
    search = parse_unchanged_query(request.scope["query_string"], limits)
    headers = _decode_headers(request, address.credentials)
    return FhirRequest(
        method=request.method,
        interaction=NOT_FHIR,
        path=address.path,
        public_base=address.public_base,
        upstream_base=address.upstream_base,
        site=address.find_site(),
        client_search=search,
        upstream_search=search,
        headers=headers,
        body=await request_checks.read_body(request, *address.body_limit),
        request_id=request_id_of(request),
        client_address=client_address(request, settings.server),
        caller=caller_at_upstream(address.upstream_base, headers),
        received_at=datetime.now(UTC),
    )


def base_url(upstream: Upstream) -> str:
    """Return the configured base of an upstream, without a trailing slash."""
    return str(upstream.url).rstrip("/")


def request_id_of(request: Request) -> str:
    """Id of a request, from X-Request-Id or new."""
    return request_id(request.headers.get("x-request-id", ""))


def _decode_headers(request: Request, scheme: CredentialScheme) -> Headers:
    """Header fields without credentials that the API does not require. Raises Failure 400."""
    foreign = CREDENTIALS.difference(scheme.headers)
    headers = tuple([field for field in request.headers.items() if field[0] not in foreign])
    for name, value in headers:
        if name in SENT_HEADERS and not is_plain_value(value):
            text = f"The header field {name} contains a byte that is not visible ASCII. Remove or escape it."
            raise Failure(
                catalog.BAD_REQUEST, text=f"{text} The request was not sent.", expression=f"http.{name}"
            )
    return headers
