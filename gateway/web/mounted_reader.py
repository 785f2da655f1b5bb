"""Requests to an upstream that is mounted below a path of its own (`upstreams.<name>`)."""

import re
from dataclasses import dataclass

from starlette.requests import Request

from gateway.dates.timezones import zone
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import Interaction
from gateway.http.request_path import BESIDE
from gateway.settings import MountedUpstream, Settings
from gateway.web import request_checks, request_reader
from gateway.web.public_url import origin

_STATUS = re.compile(rf"({BESIDE}/([^/]+/)*)?RequestResult/[^/]+")
_ACTS = {
    "GET": Interaction("operation", operation="RequestResult"),
    "HEAD": Interaction("operation", operation="RequestResult"),
    "DELETE": Interaction("delete", operation="RequestResult"),
}


@dataclass(frozen=True, slots=True)
class Mounted:
    """Reads requests below one mount. What R4 calls a server is a site here, without a practice."""

    settings: Settings
    name: str
    upstream: MountedUpstream

    async def fhir(self, request: Request) -> FhirRequest:
        """The FHIR request; the status of an asynchronous one counts as an operation. Raises Failure 4xx."""
        path = self._path(request)
        act = _status(request.method, path) or request_checks.interacting(request.method, path)
        request_checks.authenticated(request, self.upstream.dialect)
        return await request_reader.fhir(
            request, self.settings.server.max_body, act, self._place(request, path)
        )

    async def rest(self, request: Request) -> FhirRequest:
        """The request as it came; without credentials it may be fetching some. Raises Failure 4xx."""
        place = self._place(request, self._path(request))
        return await request_reader.other(request, self.settings.server.max_body, place)

    def _path(self, request: Request) -> str:
        return request_checks.pointed(request, self.settings.server.max_uri, self.upstream.path)

    def _place(self, request: Request, path: str) -> request_reader.Place:
        ours = origin(request, self.settings.server) + self.upstream.path
        return request_reader.Place(path, ours, request_reader.base_of(self.upstream), self._site)

    def _site(self) -> Site:
        off = frozenset(name for name, on in self.settings.repairs.items() if not on)
        return Site(self.name, zone("UTC"), self.name, off)


def _status(method: str, path: str) -> Interaction | None:
    return _ACTS.get(method) if _STATUS.fullmatch(path) else None
