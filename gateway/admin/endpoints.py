"""Admin endpoints (`/admin/…`) for operators, protected by a bearer token or on a separate port."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.admin.wrong_tokens import WrongTokens
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.web.client_connection import run_until_shutdown
from gateway.web.errors import error_response, internal_error, shutdown_failure

AdminEndpoint = Callable[[Request], Awaitable[Response]]
#: Endpoints by method and path.
EndpointTable = Mapping[tuple[str, str], AdminEndpoint]

#: Fields that only browsers send: without a token, any web page could use an operator's browser.
_BROWSER_HEADERS = frozenset({"origin", "sec-fetch-site"})


class EndpointGroup(Protocol):
    """Endpoints of one subject."""

    def endpoints(self) -> EndpointTable:
        """Endpoints by method and path; they may raise Failure."""
        ...


@dataclass(frozen=True, slots=True)
class AdminEndpoints:
    """All endpoint groups with one authentication; `has_own_port`: they have a separate port.

    `has_ended` returns whether the gateway shuts down: a GET that the shutdown cuts off is answered.
    """

    token: str
    groups: Sequence[EndpointGroup]
    has_own_port: bool = False
    wrong_tokens: WrongTokens = field(default_factory=WrongTokens)
    has_ended: Callable[[], bool] = lambda: False

    def shared_port_routes(self) -> list[Route]:
        """Routes for the port of the FHIR clients; none without a token or with a separate port."""
        return self.admin_port_routes() if self.token and not self.has_own_port else []

    def admin_port_routes(self) -> list[Route]:
        """Routes for a port that only operators reach; they require the token if it is set."""
        return [
            Route(_with_keys(path), self._with_authentication(endpoint), methods=[method])
            for group in self.groups
            for (method, path), endpoint in group.endpoints().items()
        ]

    def _with_authentication(self, endpoint: AdminEndpoint) -> AdminEndpoint:
        async def authenticated_endpoint(request: Request) -> Response:
            try:
                self._require_token(request)
                return await run_until_shutdown(
                    endpoint(request), lambda: request.method == "GET" and self.has_ended(), shutdown_failure
                )
            except Failure as failure:
                return failure_response(failure)
            except Exception as error:  # noqa: BLE001 - a bug must become a response here, too
                return failure_response(internal_error(error))

        return authenticated_endpoint

    def _require_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        is_equal = compare_digest(token.strip().encode(), self.token.encode())
        is_permitted = (
            scheme.lower() == "bearer" and is_equal
            if self.token
            else not _BROWSER_HEADERS.intersection(request.headers)
        )
        if not is_permitted:
            if token:
                self.wrong_tokens.add()
            raise Failure(
                catalog.CREDENTIALS_MISSING,
                text="The admin token is missing or wrong. Send Authorization: Bearer with the value of the"
                " setting admin.token.",
                headers=(("www-authenticate", 'Bearer realm="admin"'),),
            )


def _with_keys(path: str) -> str:
    """Return a path whose practice may be at a mount, as in `mnt/bne`."""
    return path.replace("{siteId}", "{siteId:path}")


def failure_response(failure: Failure) -> Response:
    """Return the OperationOutcome of a failure."""
    response = error_response(failure)
    return Response(response.body, response.status, dict(response.headers))
