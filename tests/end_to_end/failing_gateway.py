"""Gateways with short timeouts in front of the emulator, and a check of their error responses."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from conftest import KEY, Pair, settings_for
from fhir.resources.R4B.operationoutcome import OperationOutcome
from support.dialects import ISSUE_TYPES

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings
from gateway.upstreams import DIALECTS, mountable_dialects

TOKEN = {"Authorization": "Bearer t"}
FHIR = {"Accept": "application/fhir+json"}
BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"

#: Dialect with one API -> the path of its mount.
MOUNTS = {name: f"/{name}" for name in mountable_dialects() if not DIALECTS[name].apis}
MOUNTS |= {"health-gorilla": "/hg", "halo-itsm": "/itsm", "fhir": "/server"}
#: Dialect -> path of a request, and the headers of a client.
CLIENT_REQUESTS: dict[str, tuple[str, dict[str, str]]] = {
    "halo-connect": (f"{BASE}/Patient", KEY),
    "halo-sql": (f"/integrator/sites/{SYDNEY}/queries/registered", KEY | FHIR),
    **{name: (f"{path}/Patient", TOKEN) for name, path in MOUNTS.items()},
    "halo-itsm": ("/itsm/api/tickets", TOKEN | FHIR),
}


def failing_settings(emulator: str, **sections: Any) -> Settings:
    """Settings of the tests with short timeouts and every upstream mounted."""
    limits = {"timeouts": {"read": 2.5, "connect": 2.5}, "max_body": 3_000_000}
    upstreams = {
        **{
            name: {"url": f"{emulator}/fhir/R4", "dialect": name, "path": path} | limits
            for name, path in MOUNTS.items()
        },
        "halo-itsm": {"url": f"{emulator}/itsm", "dialect": "halo-itsm", "path": "/itsm"} | limits,
        "stage": {"url": emulator, "dialect": "halo-connect", "path": "/stage"} | limits,
    }
    defaults = settings_for(emulator).model_dump()
    short = {
        "upstream": {"url": emulator} | limits,
        "upstreams": upstreams,
        "sql": {"total_timeout_seconds": 2.5},
    }
    return Settings.model_validate(defaults | short | sections)


@contextmanager
def run_gateway(settings: Settings, **parts: Any) -> Iterator[str]:
    """Run a gateway and yield its URL. It ends without waiting for its requests."""
    server = ThreadedServer(create_app(settings, **parts)).__enter__()
    try:
        yield server.url
    finally:
        server.should_exit = True


@dataclass(frozen=True)
class FailingGateway:
    """The emulator, and a gateway with short timeouts in front of it."""

    pair: Pair
    url: str
    client: httpx.Client

    def ask(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """A request with the demo key, unless `headers` says otherwise."""
        parts = {"headers": KEY} | parts
        return self.client.request(method, self.url + path, **parts)

    def get_with_upstream_response(
        self, dialect: str, status: int, body: object, method: str = "GET", path: str = ""
    ) -> httpx.Response:
        """Response to a client if the upstream responds with this status and body."""
        body = body.decode() if isinstance(body, bytes) else body
        self.pair.fault(kind="answer", status=status, body=body, times=1)
        default_path, headers = CLIENT_REQUESTS[dialect]
        return self.ask(method, path or default_path, headers=headers)

    def sent_requests(self, method: str) -> list[dict[str, object]]:
        """Requests of a method that reached the emulator since the last reset."""
        return [request for request in self.pair.sent() if request["method"] == method]


def checked_issue(response: httpx.Response, status: int | None = None) -> dict[str, Any]:
    """The issue of an error response, after checking the rules for all error responses."""
    assert 400 <= response.status_code <= 599, response.text
    assert status in {None, response.status_code}, response.text
    assert response.headers["content-type"].startswith("application/fhir+json")
    assert response.headers["cache-control"] == "no-store"
    assert len(response.content) <= 16_384
    OperationOutcome.model_validate_json(response.text)
    (issue,) = response.json()["issue"]
    assert issue["code"] in ISSUE_TYPES
    assert issue["severity"] in {"error", "fatal"}
    assert issue["details"]["text"]
    assert issue["details"]["coding"][0]["system"] == ERROR_CODE_SYSTEM
    if response.status_code in {429, 503}:
        assert int(response.headers["retry-after"]) >= 1
    result: dict[str, Any] = issue
    return result


def error_code(issue: dict[str, Any]) -> str:
    """Error code of the gateway in an issue."""
    result: str = issue["details"]["coding"][0]["code"]
    return result
