"""An operator at a desk: requests to the admin endpoints without a server."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from structlog.testing import capture_logs

from gateway.admin.endpoints import AdminEndpoints, EndpointGroup
from gateway.web.errors import not_found

TOKEN = "synthetic-operator-token"  # noqa: S105 - a test's own


async def answered(
    routes: list[Route],
    method: str,
    path: str,
    content: bytes = b"",
    *,
    given: str = f"Bearer {TOKEN}",
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """What these routes answer, in a running loop."""
    app = Starlette(routes=routes, exception_handlers={HTTPException: not_found})
    fields = {**(headers or {}), **({"authorization": given} if given else {})}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gw.example") as client:
        return await client.request(method, path, headers=fields, content=content)


def asked(method: str, path: str, desks: Sequence[EndpointGroup], content: bytes = b"") -> httpx.Response:
    """What these desks answer to who has the token."""
    with capture_logs():
        return asyncio.run(answered(AdminEndpoints(TOKEN, desks).shared_port_routes(), method, path, content))


def issue(response: httpx.Response) -> Any:
    """The one issue of an OperationOutcome."""
    resource = response.json()
    assert resource["resourceType"] == "OperationOutcome"
    return resource["issue"][0]
