"""Application whose FHIR requests without a body go to their endpoint without middleware and routes.

They are most of all requests, and middleware and routes would pass each on unchanged.
"""

import re
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.web.cors import CorsPolicy
from gateway.web.cors_middleware import CorsMiddleware
from gateway.web.unread_requests import UnreadRequests

#: Paths that reach the FHIR endpoint of practices by `gateway/upstream_routes.py`, with their parameters;
#: of several routes that match, the first counts, and those of a FHIR base come first.
_FHIR_PATH = re.compile(
    r"/(?:integrator|desktop)/sites/(?P<siteId>[^/]+)/fhir/R4/(?P<path>(?!CodeSystem/).*)\Z"
)
#: Fields of a body, which a middleware counts or unpacks.
_BODY_FIELDS = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class DirectApplication(Starlette):
    """A Starlette application; `fhir_endpoint` gets the requests for which `fhir_path_params` is not None.

    An application whose routes were taken away answers nothing directly either. With `cors`, each answer
    gets the fields for the page of another origin, whatever it is that answers.
    """

    def __init__(
        self,
        fhir_endpoint: ASGIApp | None = None,
        cors: CorsPolicy | None = None,
        unread: UnreadRequests = UnreadRequests(),  # noqa: B008 - it does not change
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._cors = cors
        self._unread = unread
        self._fhir_endpoint = self._with_cors(fhir_endpoint) if fhir_endpoint else None

    def build_middleware_stack(self) -> ASGIApp:
        """Return the application with all its middleware, that of CORS outside."""
        return self._with_cors(super().build_middleware_stack())

    def _with_cors(self, app: ASGIApp) -> ASGIApp:
        return CorsMiddleware(app, self._cors, unread=self._unread) if self._cors else app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the lifespan."""
        params = fhir_path_params(scope) if self._fhir_endpoint and self.router.routes else None
        if params is None or self._fhir_endpoint is None:
            await super().__call__(scope, receive, send)
        else:
            scope["path_params"] = params
            await self._fhir_endpoint(scope, receive, send)


def fhir_path_params(scope: Scope) -> dict[str, str] | None:
    """Return the path parameters of a FHIR request to a practice without a body; None for any other."""
    if scope["type"] != "http" or scope.get("root_path"):
        return None
    match = _FHIR_PATH.match(scope["path"])
    if match is None:
        return None
    for name, _ in scope["headers"]:
        if name in _BODY_FIELDS:
            return None
    return match.groupdict()
