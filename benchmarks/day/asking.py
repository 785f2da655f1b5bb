"""One request of an ASGI application in this process, without a client library's own cost."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from gateway.emulator.sites import BRISBANE

HOST = "gateway.example"
FORM = "application/x-www-form-urlencoded"
FHIR = "application/fhir+json"
BASE = f"/integrator/sites/{BRISBANE}/fhir/R4/"
#: One subscription key for all apps: it is the integrator's, and Halo knows no users.
KEY = "demo-key"

Fields = list[tuple[bytes, bytes]]

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
    def headers(self) -> Fields:
        """The header fields of every app alike."""
        given = {
            "host": HOST,
            "accept": FHIR,
            "ocp-apim-subscription-key": KEY,
            "content-length": str(len(self.body) or ""),
            "content-type": self.content_type,
        }
        return [(name.encode(), value.encode()) for name, value in given.items() if value]


@dataclass
class Answer:
    """Status, header fields, body."""

    status: int = 0
    headers: Fields = field(default_factory=list)
    body: bytes = b""

    def field(self, name: bytes) -> str:
        """The value of a header field; empty without one."""
        return dict(self.headers).get(name, b"").decode()


Ask = Callable[[Request], Awaitable[Answer]]


def asking(app: ASGIApp) -> Ask:
    """What asks this application."""

    async def ask(request: Request) -> Answer:
        return await asked(app, request.method, BASE + request.path, request.headers, request.body)

    return ask


async def asked(app: ASGIApp, method: str, target: str, headers: Fields, body: bytes) -> Answer:
    """The application's answer to one request; `target` with its query."""
    answer, parts = Answer(), [{"type": "http.request", "body": body}]

    async def receive() -> Message:
        return parts.pop() if parts else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = [(bytes(name), bytes(value)) for name, value in message["headers"]]
        else:
            answer.body += message.get("body", b"")

    await app(_scope(method, target, headers), receive, send)
    return answer


def _scope(method: str, target: str, headers: Fields) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": (HOST, 80),
    }
