"""What a client can get wrong is refused here, by name, before any query goes upstream."""

import re

from starlette.requests import ClientDisconnect, Request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.fhir.interaction import Interaction, allowed_methods, interaction
from gateway.fhir.raw_json import UnreadableError, opened
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import Search, search
from gateway.http.negotiation import FORM_BODIES, RESOURCE_BODIES, media_type
from gateway.http.request_path import Target, below, target
from gateway.upstreams import DIALECTS

#: Which credentials each surface wants: Halo's two, and Health Gorilla.
_CREDENTIALS = {
    "integrator": ("ocp-apim-subscription-key",),
    "desktop": ("authorization", "deviceid"),
    "health-gorilla": ("authorization",),
}
_HALO = ("integrator", "desktop")
_CHALLENGES = {
    "integrator": DIALECTS["halo-connect"].challenge,
    "desktop": 'Bearer realm="fhir"',
    "health-gorilla": DIALECTS["health-gorilla"].challenge,
}
_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_COUNT = re.compile(r"\d{0,9}", re.ASCII)
_READING = frozenset({"GET", "HEAD"})
_BODY = frozenset({"content-length", "transfer-encoding"})
_PATCH = "application/json-patch+json"


def aimed(request: Request, max_uri: int, mount: str = "") -> Target:
    """What the raw path below a mount addresses. Raises Failure 400, 404 or 414."""
    return target(_raw(request, max_uri).removeprefix(mount))


def pointed(request: Request, max_uri: int, mount: str) -> str:
    """The path below a mount. Raises Failure 400, 404 or 414."""
    return below(_raw(request, max_uri), mount)


def interacting(method: str, path: str) -> Interaction:
    """The FHIR interaction. Raises Failure 404 or 405."""
    found = interaction(method, path)
    if found is not None:
        return found
    allowed = allowed_methods(path)
    if allowed:
        raise Failure(catalog.METHOD, headers=(("allow", ", ".join(allowed)),))
    first = path.partition("/")[0]
    named = _TYPE.fullmatch(first) and first not in RESOURCE_TYPES
    raise Failure(catalog.TYPE_UNKNOWN if named else catalog.UNKNOWN_PATH)


def surface(request: Request) -> str:
    """The surface whose credentials the request carries, `integrator` first. Raises Failure 401."""
    found = next((name for name in _HALO if _has(request, name)), None)
    if found is None:
        raise _missing("integrator")
    return found


def authenticated(request: Request, wanted: str) -> None:
    """Raises Failure 401 when the request lacks the credentials of a surface; they are judged upstream."""
    if not _has(request, wanted):
        raise _missing(wanted)


async def body(request: Request, limit: int) -> bytes:
    """The whole request body. Raises Failure 413 as soon as it passes the limit."""
    if request.method in _READING and not _BODY & set(request.headers):
        return b""
    read = bytearray()
    try:
        async for piece in request.stream():
            read += piece
            if len(read) > limit:
                raise Failure(catalog.BODY_TOO_LARGE)
    except ClientDisconnect:
        raise Failure(catalog.BAD_REQUEST) from None
    return bytes(read)


def searched(request: Request, act: Interaction, content: bytes) -> Search:
    """The search that URL and form state together. Raises Failure 400 or 415 for any other body."""
    form = act.searches and request.method == "POST"
    kind = media_type(request.headers.get("content-type", ""))
    if content and kind not in (FORM_BODIES if form else RESOURCE_BODIES):
        raise Failure(catalog.MEDIA_TYPE)
    if content and not form and kind != _PATCH:
        _readable(content)
    try:
        found = search(request.scope["query_string"].decode("ascii"), content.decode() if form else "")
    except UnicodeDecodeError:
        raise Failure(catalog.BAD_REQUEST) from None
    if act.lists and not all(_COUNT.fullmatch(each) for each in found.values("_count")):
        raise Failure(catalog.COUNT, expression="http._count")
    return found


def _readable(content: bytes) -> None:
    try:
        opened(content)
    except UnreadableError:
        raise Failure(catalog.BODY_UNREADABLE) from None


def _raw(request: Request, max_uri: int) -> str:
    raw: str = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
    if len(raw) + len(request.scope["query_string"]) > max_uri:
        raise Failure(catalog.URI_TOO_LONG)
    return raw


def _missing(wanted: str) -> Failure:
    """401 with the challenge that RFC 9110 15.5.2 demands."""
    return Failure(catalog.CREDENTIALS_MISSING, headers=(("www-authenticate", _CHALLENGES[wanted]),))


def _has(request: Request, wanted: str) -> bool:
    return all(request.headers.get(name, "").strip() for name in _CREDENTIALS[wanted])
