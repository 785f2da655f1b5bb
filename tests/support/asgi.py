"""Starlette requests without a server."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.types import Message

from gateway.settings import Server, Settings

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
FHIR = f"/integrator/sites/{GUID}/fhir/R4"
KEY = {"ocp-apim-subscription-key": "demo-key"}


def settings(server: dict[str, Any] | None = None, **sections: Any) -> Settings:
    """Settings with one site in Sydney."""
    sites = {GUID: {"time_zone": "Australia/Sydney", "name": "harbour"}}
    return Settings.model_validate({"server": server or {}, "sites": sites} | sections)


def server(**fields: Any) -> Server:
    return settings(fields).server


def asgi_request(
    path: str = "/",
    headers: dict[str, str] | None = None,
    *,
    method: str = "GET",
    query: str = "",
    peer: str = "127.0.0.1",
    pieces: tuple[bytes, ...] = (b"",),
) -> Request:
    """A request with this raw path; each of the pieces of its body is one ASGI message."""
    framing = {"transfer-encoding": "chunked"} if pieces != (b"",) else {}
    fields = {"host": "gw.example"} | framing | (headers or {})
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()],
        "client": (peer, 40_000) if peer else None,
        "server": ("127.0.0.1", 80),
    }
    return Request(scope, _receive_pieces(pieces))


def _receive_pieces(pieces: tuple[bytes, ...]) -> Callable[[], Any]:
    remaining = list(pieces)

    async def receive() -> Message:
        if not remaining:
            return {"type": "http.disconnect"}
        piece = remaining.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(remaining) or piece == b"unfinished"}

    return receive
