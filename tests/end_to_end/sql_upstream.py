"""Halo Connect whose answers a test sets, and a gateway in front of it."""

import json
import time
from asyncio import sleep
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from conftest import settings_for
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

KEY = {"Ocp-Apim-Subscription-Key": "demo-key"}
FHIR = {"Accept": "application/fhir+json"}
QUERIES = f"/integrator/sites/{SYDNEY}/queries"
FHIR_BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
QUERY_ID = "0a1b2c3d-0000-4000-8000-0000000000ff"
PATIENT = {"resourceType": "Patient", "id": "1"}


def text_command(text: str = "SELECT 1", **fields: Any) -> bytes:
    """Body of a query whose command is text."""
    return json.dumps({"command": {"type": "text", "text": text}, **fields}).encode()


def envelope(status: int, message: str) -> dict[str, Any]:
    """Error of Halo Cloud."""
    return {"error": {"status": status, "message": message}}


def details(error_type: str, code: int, message: str) -> dict[str, Any]:
    """Error of the practice or its database."""
    return {"errorDetails": {"errorType": error_type, "errorCode": code, "errorMessage": message}}


@dataclass
class Answer:
    """Answer to requests whose method and path contain a text."""

    status: int = 200
    body: Any = field(default_factory=dict)
    delay: float = 0.0


class SqlUpstream:
    """Records the requests, and answers each with the last answer for a part of its method and path.

    `answer_to` is asked first, with method and path, and the body.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.answer_to: Callable[[str, bytes], Answer | None] = lambda *_: None
        self.sent: list[str] = []
        self.sent_at: list[float] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        line = f"{request.method} {request.url.path}"
        self.sent.append(line)
        self.sent_at.append(time.monotonic())
        self.bodies.append(await request.body())
        answer = self.answer_to(line, self.bodies[-1])
        answer = answer or next((self.answers[part] for part in reversed(self.answers) if part in line), None)
        answer = answer or Answer(body=PATIENT if "/fhir/" in line else {"status": "successful"})
        await sleep(answer.delay)
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        await Response(body, answer.status, media_type="application/json")(scope, receive, send)


@dataclass
class SqlGateway:
    """A gateway, and the upstream behind it."""

    upstream: SqlUpstream
    url: str
    app: ASGIApp

    def ask(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        """Response of the gateway to a request with the demo key, unless `headers` have another."""
        fields = KEY | {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(
            method, self.url + path, content=content, headers=fields, timeout=30, trust_env=False
        )

    def submit(self, content: bytes = b"", action: str = "immediate", **headers: str) -> httpx.Response:
        """Response to a query."""
        return self.ask("POST", f"{QUERIES}/{action}", content or text_command(), **headers)

    def read(self, path: str = "Patient/1", **headers: str) -> httpx.Response:
        """Response to a FHIR read."""
        return self.ask("GET", f"{FHIR_BASE}/{path}", **headers)

    def poll(self, **headers: str) -> httpx.Response:
        """Response to a poll of a query."""
        return self.ask("GET", f"{QUERIES}/{QUERY_ID}", **headers)

    def code(self, response: httpx.Response) -> str:
        """Error code of the gateway in an OperationOutcome."""
        return str(response.json()["issue"][0]["details"]["coding"][0]["code"])


@contextmanager
def sql_gateway(wrap: Callable[[Starlette], Any] | None = None, **sections: Any) -> Iterator[SqlGateway]:
    """Gateway with these sections of settings over the usual ones, in front of a new upstream.

    `wrap` returns another application around the gateway's.
    """
    upstream = SqlUpstream()
    with ThreadedServer(upstream) as server:
        usual = settings_for(server.url).model_dump(mode="json", exclude_defaults=True)
        sections["upstream"] = {"url": server.url} | sections.get("upstream", {})
        app: Any = create_app(Settings.model_validate(usual | sections))
        app = wrap(app) if wrap else app
        with ThreadedServer(app) as gateway:
            yield SqlGateway(upstream, gateway.url, app)
