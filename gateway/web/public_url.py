"""Public URL of the gateway, as clients use it."""

import re

from starlette.requests import Request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.settings import Server
from gateway.web.client_address import is_from_trusted_proxy

_HOST_FIELD = re.compile(r"[A-Za-z0-9._\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?", re.ASCII)
_PATH_PREFIX = re.compile(r"(/[A-Za-z0-9\-._~]+)*", re.ASCII)
_FHIR_BASE_PATH = "/fhir/R4"


def public_base(request: Request, server: Server) -> str:
    """FHIR base of the gateway, without a trailing slash. Raises Failure 400."""
    path: str = request.scope["path"]
    before, separator, _ = path.partition(_FHIR_BASE_PATH)
    return public_origin(request, server) + before + separator


def public_origin(request: Request, server: Server) -> str:
    """Scheme, host and prefix that clients use; X-Forwarded-* of trusted proxies only. Raises Failure 400."""
    if server.public_url is not None:
        return str(server.public_url).rstrip("/")
    trusted = is_from_trusted_proxy(request, server)
    host = (trusted and _first_value(request, "x-forwarded-host")) or request.headers.get("host", "")
    scheme = (trusted and _first_value(request, "x-forwarded-proto").lower()) or request.scope["scheme"]
    prefix = (trusted and _first_value(request, "x-forwarded-prefix").rstrip("/")) or ""
    if not (_HOST_FIELD.fullmatch(host) and scheme in {"http", "https"} and _PATH_PREFIX.fullmatch(prefix)):
        raise Failure(catalog.BAD_REQUEST, expression="http.Host")
    return f"{scheme}://{host}{prefix}"


def _first_value(request: Request, name: str) -> str:
    return request.headers.get(name, "").partition(",")[0].strip()
