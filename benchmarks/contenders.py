"""Simple reverse proxies without this project: `uvicorn --factory benchmarks.contenders:NAME`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

UPSTREAM = "BENCH_UPSTREAM"
BODY = "BENCH_BODY"
_FORWARDED_HEADERS = ("content-type",)


def starlette_httpx() -> Starlette:
    """A Starlette route that forwards with httpx's own pool."""
    client = httpx.AsyncClient(base_url=os.environ[UPSTREAM])

    async def forward(request: Request) -> Response:
        key = request.headers["ocp-apim-subscription-key"]
        response = await client.get(request.url.path, headers={"ocp-apim-subscription-key": key})
        headers = {name: response.headers[name] for name in _FORWARDED_HEADERS}
        return Response(response.content, response.status_code, headers)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        async with client:
            yield

    return Starlette(routes=[Route("/{path:path}", forward)], lifespan=lifespan)


def fastapi_proxy_lib() -> Any:
    """fastapi-proxy-lib's reverse proxy with its default client."""
    return import_module("fastapi_proxy_lib.fastapi.app").reverse_http_app(
        base_url=os.environ[UPSTREAM] + "/"
    )


def starlette_route() -> Starlette:
    """A Starlette route that returns the bytes of a file with the headers of a FHIR response."""
    body = Path(os.environ[BODY]).read_bytes()
    headers = {"content-type": "application/fhir+json"}

    async def send_file(request: Request) -> Response:
        del request
        return Response(body, headers=headers)

    return Starlette(routes=[Route("/{path:path}", send_file)])
