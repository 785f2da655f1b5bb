"""OpenAPI 3.1 document of the gateway."""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response


async def openapi_endpoint(request: Request) -> Response:
    """Return the document as YAML."""
    del request
    return Response(openapi_document(), media_type="application/yaml")


@cache
def openapi_document() -> bytes:
    """Bytes of `openapi/gateway.yaml`, which is part of the package."""
    return (files("gateway") / "web" / "gateway.yaml").read_bytes()
