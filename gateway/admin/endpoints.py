"""`/admin/…`: what the operator may see and do, behind a bearer token or on a port of its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.web.errors import error_response, internal_error

AdminEndpoint = Callable[[Request], Awaitable[Response]]
#: Method and path -> what answers.
EndpointTable = Mapping[tuple[str, str], AdminEndpoint]


#: What only browsers send: without a token, any page could have an operator's browser ask here.
_BROWSER_HEADERS = frozenset({"origin", "sec-fetch-site"})


class EndpointGroup(Protocol):
    """Pages about one thing."""

    def endpoints(self) -> EndpointTable:
        """The endpoints; they may raise Failure."""
        ...


@dataclass(frozen=True, slots=True)
class AdminEndpoints:
    """All desks behind one door, which is `apart` if they have a port of their own."""

    token: str
    groups: Sequence[EndpointGroup]
    has_own_port: bool = False

    def shared_port_routes(self) -> list[Route]:
        """The routes for everybody's port; none without a token or with another port: unknown paths."""
        return self.admin_port_routes() if self.token and not self.has_own_port else []

    def admin_port_routes(self) -> list[Route]:
        """The routes for a port that only operators reach: a token is asked for if there is one."""
        return [
            Route(path, self._with_authentication(endpoint), methods=[method])
            for desk in self.groups
            for (method, path), endpoint in desk.endpoints().items()
        ]

    def _with_authentication(self, endpoint: AdminEndpoint) -> AdminEndpoint:
        async def authenticated_endpoint(request: Request) -> Response:
            try:
                self._require_token(request)
                return await endpoint(request)
            except Failure as failure:
                return _error_response(failure)
            except Exception as problem:  # noqa: BLE001 - a bug must become an answer here, too
                return _error_response(internal_error(problem))

        return authenticated_endpoint

    def _require_token(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = compare_digest(given.strip().encode(), self.token.encode())
        asks = (
            scheme.lower() == "bearer" if self.token else not _BROWSER_HEADERS.intersection(request.headers)
        )
        if not (asks and (same or not self.token)):
            raise Failure(
                catalog.CREDENTIALS_MISSING,
                text="Send Authorization: Bearer with the token of the setting admin.token.",
                headers=(("www-authenticate", 'Bearer realm="admin"'),),
            )


def _error_response(failure: Failure) -> Response:
    said = error_response(failure)
    return Response(said.body, said.status, dict(said.headers))
