"""ASGI middleware of CORS: answers preflights, and adds fields to every other answer as it is sent."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.cache.prepared import AddedFields, RawHeader
from gateway.telemetry.access_log import Answer
from gateway.web.cors import CorsPolicy, CorsRoute, with_added_fields
from gateway.web.endpoint import Endpoint
from gateway.web.errors import default_headers
from gateway.web.unread_requests import UnreadRequests


class CorsMiddleware:
    """In front of an application; `preflight_fields` are added to the answers to preflights."""

    def __init__(
        self,
        app: ASGIApp,
        policy: CorsPolicy,
        preflight_fields: tuple[RawHeader, ...] = (),
        unread: UnreadRequests = UnreadRequests(),  # noqa: B008 - it does not change
    ) -> None:
        self._app = app
        self._unread = unread
        self._policy = policy
        self._preflight_fields = preflight_fields

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or call the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] != "OPTIONS" or not await self._answer_preflight(scope, send):
            added = self._policy.fields_for(scope["path"], scope["headers"])
            await self._app(scope, receive, _send_with(send, added) if added else send)

    async def _answer_preflight(self, scope: Scope, send: Send) -> bool:
        """Answer a request by OPTIONS with 204 if it is a preflight; return whether it was."""
        fields = self._policy.preflight_fields(scope["path"], scope["headers"])
        if fields is None:
            return False
        own = default_headers(Request(scope))
        self._unread.report(scope, Answer(own["x-request-id"], 204))
        encoded = [(name.encode(), value.encode()) for name, value in own.items()]
        headers = [*encoded, *self._preflight_fields, *fields]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return True


def cors_routes(routes: Iterable[BaseRoute]) -> tuple[CorsRoute, ...]:
    """Return what pages of other origins reach: the endpoints that tell their methods, and all documents."""
    return tuple(_cors_route(route) for route in routes if isinstance(route, Route))


def _cors_route(route: Route) -> CorsRoute:
    endpoint, methods = route.endpoint, route.methods or ()
    if isinstance(endpoint, Endpoint):
        return CorsRoute(route.path_regex, endpoint.methods_of, is_fhir=True)
    return CorsRoute(route.path_regex, lambda _: methods)


def _send_with(send: Send, added: AddedFields) -> Send:
    """Return a `send` that adds fields to the head of a response."""

    async def send_added(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": with_added_fields(message.get("headers", ()), added)}
        await send(message)

    return send_added
