"""Events of requests that no handler sees."""

from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from structlog.testing import capture_logs
from support.asgi import FHIR, asgi_request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.fhir.interaction import Interaction
from gateway.web.errors import default_headers, rejection_response
from gateway.web.logged_responses import LoggedResponses
from gateway.web.request_notes import note_early_end
from gateway.web.unread_requests import UnreadRequests

pytestmark = pytest.mark.anyio
LOGGED = LoggedResponses(UnreadRequests())


async def respond(request: Request) -> Response:
    return Response(b"{}", headers=default_headers(request))


async def refuse(request: Request) -> Response:
    return rejection_response(Failure(catalog.WEBHOOK_REFUSED), request)


def request_with_state(path: str = f"{FHIR}/x") -> Request:
    request = asgi_request(path)
    request.scope["state"] = {}
    return request


async def test_response_is_logged_with_the_id_that_the_client_sees() -> None:
    with capture_logs() as lines:
        response = await LOGGED.of(respond, Interaction("read", "CodeSystem"))(request_with_state())
    (line,) = lines
    assert line["request_id"] == response.headers["x-request-id"]
    assert (line["interaction"], line["type"], line["status"], line["bytes"]) == (
        "read",
        "CodeSystem",
        200,
        2,
    )
    assert "code" not in line


@pytest.mark.parametrize(
    ("end", "logged"), [("", [(401, "webhook-refused")]), ("client-left", [(499, None)]), ("answered", [])]
)
async def test_refusal_is_logged_unless_its_connection_did(end: Any, logged: list[Any]) -> None:
    request = request_with_state()
    if end:
        note_early_end(request.scope, end)
    with capture_logs() as lines:
        await LOGGED.of(refuse)(request)
    assert [(line["status"], line.get("code")) for line in lines] == logged


async def test_unknown_path_is_logged() -> None:
    request = request_with_state("/Zzyzx")
    with capture_logs() as lines:
        response = await LOGGED.not_found(request, HTTPException(404))
    (line,) = lines
    assert (line["code"], line["request_id"]) == ("unknown-path", response.headers["x-request-id"])
    assert "zzyzx" not in str(line).lower()
