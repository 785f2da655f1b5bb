"""What the gateway promises, as OpenAPI 3.1."""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response


async def openapi(request: Request) -> Response:
    """The document of `openapi/gateway.yaml`, packaged with the gateway."""
    del request
    return Response(document(), media_type="application/yaml")


@cache
def document() -> bytes:
    """The document's bytes."""
    return (files("gateway") / "web" / "gateway.yaml").read_bytes()
