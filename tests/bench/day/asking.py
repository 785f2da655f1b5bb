"""One request of an ASGI application in this process, without a client library's own cost."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from gateway.emulator.sites import BRISBANE

FORM = "application/x-www-form-urlencoded"
FHIR = "application/fhir+json"
BASE = f"/integrator/sites/{BRISBANE}/fhir/R4/"
#: One subscription key for all apps: it is the integrator's, and Halo knows no users.
KEY = "demo-key"

#: The kind of traffic that the running task belongs to; tasks that it starts inherit it.
KIND: ContextVar[str] = ContextVar("KIND", default="practice")


@dataclass(frozen=True)
class Request:
    """A request as an app makes it; `path` is what stands below the FHIR base, query included."""

    method: str
    path: str
    body: bytes = b""

    @property
    def content_type(self) -> str:
        """The type of the body; empty without one."""
        return FORM if self.path.endswith("/_search") else FHIR if self.body else ""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The header fields of every app alike."""
        given = {
            "host": "gateway.example",
            "accept": FHIR,
            "ocp-apim-subscription-key": KEY,
            "content-length": str(len(self.body)),
            "content-type": self.content_type,
        }
        return [(name.encode(), value.encode()) for name, value in given.items() if value]


@dataclass
class Answer:
    """Status, header fields by lower-case name, body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Ask = Callable[[Request], Awaitable[Answer]]


def asking(app: ASGIApp) -> Ask:
    """What asks this application."""

    async def ask(request: Request) -> Answer:
        answer, parts = Answer(), [{"type": "http.request", "body": request.body}]

        async def receive() -> Message:
            return parts.pop() if parts else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        await app(_scope(request), receive, send)
        return answer

    return ask


def _scope(request: Request) -> dict[str, Any]:
    path, _, query = (BASE + request.path).partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": request.headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("gateway.example", 80),
    }
