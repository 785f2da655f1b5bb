"""Middleware of CORS: which messages it sends, and which routes pages reach."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs
from support.asgi import asgi_request

from gateway.fhir.interaction import allowed_methods
from gateway.settings import Cors
from gateway.web.cors import CorsPolicy
from gateway.web.cors_middleware import CorsMiddleware, cors_routes
from gateway.web.endpoint import Endpoint

pytestmark = pytest.mark.anyio

APP = "https://app.example.com.au"
PREFLIGHT = {"origin": APP, "access-control-request-method": "PUT"}


async def read_nothing(request: Request) -> Any:
    raise NotImplementedError


async def page(request: Request) -> Response:
    return PlainTextResponse("page")


def routes() -> list[BaseRoute]:
    endpoint = Endpoint(read_nothing, read_nothing, methods_of=allowed_methods)
    return [
        Route("/fhir/R4/{path:path}", endpoint),
        Route("/queries/{query}", Endpoint(read_nothing, read_nothing)),
        Route("/page", page),
        Mount("/mount", routes=[]),
    ]


POLICY = CorsPolicy(Cors(origins=(APP,)), cors_routes(routes()))


async def answer(path: str, method: str = "GET", **headers: str) -> tuple[list[Message], int]:
    """Messages of the middleware, and how often it called the application."""
    sent, calls = list[Message](), list[Scope]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope)
        await PlainTextResponse("body", headers={"vary": "accept"})(scope, receive, send)

    async def receive() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    scope = asgi_request(path, fields, method=method).scope
    await CorsMiddleware(app, POLICY, ((b"connection", b"close"),))(scope, receive, send)
    return sent, len(calls)


async def test_preflight_is_answered_without_body_or_application() -> None:
    (start, end), calls = await answer("/fhir/R4/Patient/1", "OPTIONS", **PREFLIGHT)
    fields = dict(start["headers"])
    assert (start["status"], end["body"], calls) == (204, b"", 0)
    assert fields[b"access-control-allow-methods"] == b"DELETE, GET, HEAD, PATCH, PUT"
    assert fields[b"access-control-allow-origin"] == APP.encode()
    assert (fields[b"vary"], fields[b"connection"]) == (b"origin", b"close")
    assert fields[b"x-request-id"]
    assert b"content-length" not in fields


async def test_preflight_is_logged_as_a_request() -> None:
    with capture_logs() as lines:
        (start, _), _ = await answer("/fhir/R4/Patient/Zzyzx", "OPTIONS", **PREFLIGHT)
    (line,) = lines
    assert (line["event"], line["method"], line["status"]) == ("request", "OPTIONS", 204)
    assert line["request_id"] == dict(start["headers"])[b"x-request-id"].decode()
    assert "Zzyzx" not in str(line)


async def test_other_answer_gets_fields_as_it_is_sent() -> None:
    for method in ("GET", "OPTIONS"):
        (start, _), calls = await answer("/page", method, origin=APP)
        fields = dict(start["headers"])
        assert fields[b"access-control-allow-origin"] == APP.encode()
        assert (fields[b"vary"], calls) == (b"accept, origin", 1)


async def test_closed_path_is_left_to_the_application() -> None:
    for path in ("/queries/1", "/admin/sites", "/metrics"):
        (start, _), calls = await answer(path, "OPTIONS", **PREFLIGHT)
        assert dict(start["headers"])[b"vary"] == b"accept"
        assert (start["status"], calls) == (200, 1)


async def test_lifespan_is_passed_on() -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    await CorsMiddleware(app, POLICY)({"type": "lifespan"}, app, app)  # type: ignore[arg-type] # not called
    assert scopes == [{"type": "lifespan"}]


def test_route_without_methods_for_pages_is_closed() -> None:
    found = {route.pattern.pattern: route for route in cors_routes(routes())}
    assert [(bool(route.methods_of), route.is_fhir) for route in found.values()] == [
        (True, True),
        (False, True),
        (True, False),
    ]
