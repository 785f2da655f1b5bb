"""An ASGI request -> FhirRequest."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from starlette.requests import Request

from gateway.core import kinds
from gateway.core.exchange import FhirRequest, Headers, Site
from gateway.core.failure import Failure
from gateway.core.interaction import OTHER
from gateway.core.negotiation import answered_as
from gateway.core.search import search
from gateway.core.target import Target
from gateway.settings import Settings
from gateway.web import checks
from gateway.web.origin import origin, public_base

_REQUEST_ID = re.compile(r"[A-Za-z0-9\-._]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Incoming:
    """Reads requests by the settings of this gateway."""

    settings: Settings
    sites: Callable[[str], Site | None]

    async def fhir(self, request: Request) -> FhirRequest:
        """The FHIR request. Raises Failure 4xx that says what to change."""
        aim = self._mounted(checks.aimed(request, self.settings.server.max_uri), request)
        act = checks.interacting(request.method, aim.path)
        checks.authenticated(request, aim.surface)
        body = await checks.body(request, self.settings.server.max_body)
        asked = checks.searched(request, act, body)
        return FhirRequest(
            method=request.method,
            interaction=act,
            path=aim.path,
            public_base=public_base(request, self.settings.server),
            upstream_base=f"{self._upstream}/{aim.surface}/sites/{aim.guid}/fhir/R4",
            accepted=answered_as(asked.values("_format"), request.headers.get("accept", "")),
            site=self._site(aim.guid),
            asked=asked,
            search=asked.without("_format"),
            headers=_headers(request),
            body=body,
            request_id=request_id(request),
            received=datetime.now(UTC),
        )

    async def other(self, request: Request) -> FhirRequest:
        """A request to one of Halo's endpoints that are not FHIR, passed through as it came."""
        aim = checks.aimed(request, self.settings.server.max_uri)
        checks.authenticated(request, aim.surface)
        asked = search(request.scope["query_string"].decode("ascii", "replace"))
        return FhirRequest(
            method=request.method,
            interaction=OTHER,
            path=aim.path,
            public_base=origin(request, self.settings.server),
            upstream_base=self._upstream,
            asked=asked,
            search=asked,
            headers=_headers(request),
            body=await checks.body(request, self.settings.server.max_body),
            request_id=request_id(request),
        )

    @property
    def _upstream(self) -> str:
        return str(self.settings.upstream.url).rstrip("/")

    def _mounted(self, aim: Target, request: Request) -> Target:
        """The target with its site: the one mounted as /fhir/R4 where the path names none."""
        if aim.guid:
            return aim
        if self.settings.server.site is None:
            raise Failure(kinds.SITE_NOT_MOUNTED)
        return Target(checks.surface(request), self.settings.server.site, aim.path)

    def _site(self, guid: str) -> Site:
        site = self.sites(guid)
        if site is None:
            raise Failure(kinds.SITE_ZONE_UNKNOWN)
        return site


def request_id(request: Request) -> str:
    """The client's X-Request-Id if it is one, else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def _headers(request: Request) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
