"""Requests of an operator to the admin endpoints, without a server."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from structlog.testing import capture_logs
from support.secrets import SECRET

from gateway.admin.endpoints import AdminEndpoints, EndpointGroup
from gateway.web.errors import not_found

TOKEN = SECRET


async def route_response(
    routes: list[Route],
    method: str,
    path: str,
    content: bytes = b"",
    *,
    authorization: str = f"Bearer {TOKEN}",
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Response of these routes; an empty `authorization` sends no such field."""
    app = Starlette(routes=routes, exception_handlers={HTTPException: not_found})
    fields = {**(headers or {}), **({"authorization": authorization} if authorization else {})}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gw.example") as client:
        return await client.request(method, path, headers=fields, content=content)


async def admin_response(
    method: str, path: str, groups: Sequence[EndpointGroup], content: bytes = b""
) -> httpx.Response:
    """Response of these endpoints to an operator with the token."""
    with capture_logs():
        return await route_response(AdminEndpoints(TOKEN, groups).shared_port_routes(), method, path, content)


def issue(response: httpx.Response) -> Any:
    """The first issue of an OperationOutcome."""
    resource = response.json()
    assert resource["resourceType"] == "OperationOutcome"
    return resource["issue"][0]
