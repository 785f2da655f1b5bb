"""What the gateway promises, as OpenAPI 3.1."""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response


async def openapi_endpoint(request: Request) -> Response:
    """The document of `openapi/gateway.yaml`, packaged with the gateway."""
    del request
    return Response(openapi_document(), media_type="application/yaml")


@cache
def openapi_document() -> bytes:
    """The document's bytes."""
    return (files("gateway") / "web" / "gateway.yaml").read_bytes()
