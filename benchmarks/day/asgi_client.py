"""Requests to an ASGI application in this process, without the cost of a client library."""

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
#: The integrator's subscription key, shared by all apps, because Halo has no users.
KEY = "demo-key"

Headers = list[tuple[bytes, bytes]]

#: Kind of traffic of the running task, inherited by the tasks that it starts.
KIND: ContextVar[str] = ContextVar("KIND", default="practice")


@dataclass(frozen=True)
class Request:
    """A request; `path` is relative to the FHIR base and includes the query, `app` is in its User-Agent."""

    method: str
    path: str
    body: bytes = b""
    app: str = ""

    @property
    def content_type(self) -> str:
        """Content type of the body; empty without a body."""
        return FORM if self.path.endswith("/_search") else FHIR if self.body else ""

    @property
    def headers(self) -> Headers:
        """Header fields, the same for every app except its User-Agent."""
        values = {
            "host": HOST,
            "accept": FHIR,
            "ocp-apim-subscription-key": KEY,
            "content-length": str(len(self.body) or ""),
            "content-type": self.content_type,
            "user-agent": self.app and f"{self.app}/2.1",
        }
        return [(name.encode(), value.encode()) for name, value in values.items() if value]


@dataclass
class Response:
    """Status, header fields, body."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    def header(self, name: bytes) -> str:
        """Value of a header field; empty if absent."""
        return dict(self.headers).get(name, b"").decode()


Client = Callable[[Request], Awaitable[Response]]


def client_of(app: ASGIApp) -> Client:
    """Client of this application."""

    async def send_request(request: Request) -> Response:
        return await call_app(app, request.method, BASE + request.path, request.headers, request.body)

    return send_request


async def call_app(app: ASGIApp, method: str, target: str, headers: Headers, body: bytes) -> Response:
    """Response of the application to a request; `target` includes the query."""
    response, messages = Response(), [{"type": "http.request", "body": body}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = [(bytes(name), bytes(value)) for name, value in message["headers"]]
        else:
            response.body += message.get("body", b"")

    await app(_scope(method, target, headers), receive, send)
    return response


def _scope(method: str, target: str, headers: Headers) -> dict[str, Any]:
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
