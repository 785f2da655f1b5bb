"""Reverse proxies as one writes them without this project: `uvicorn --factory bench.contenders:NAME`."""

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
_KEPT = ("content-type",)


def starlette_httpx() -> Starlette:
    """A Starlette route that asks with httpx's own pool."""
    client = httpx.AsyncClient(base_url=os.environ[UPSTREAM])

    async def proxied(request: Request) -> Response:
        key = request.headers["ocp-apim-subscription-key"]
        answer = await client.get(request.url.path, headers={"ocp-apim-subscription-key": key})
        headers = {name: answer.headers[name] for name in _KEPT}
        return Response(answer.content, answer.status_code, headers)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        async with client:
            yield

    return Starlette(routes=[Route("/{path:path}", proxied)], lifespan=lifespan)


def fastapi_proxy_lib() -> Any:
    """fastapi-proxy-lib's reverse proxy with its default client."""
    return import_module("fastapi_proxy_lib.fastapi.app").reverse_http_app(
        base_url=os.environ[UPSTREAM] + "/"
    )


def starlette_route() -> Starlette:
    """A Starlette route that gives the bytes of a file back, with the headers of a FHIR answer."""
    body = Path(os.environ[BODY]).read_bytes()
    headers = {"content-type": "application/fhir+json"}

    async def kept(request: Request) -> Response:
        del request
        return Response(body, headers=headers)

    return Starlette(routes=[Route("/{path:path}", kept)])
