"""Gateways that can fail in every way, in front of the emulator, and the judge of what they then say."""

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

TOKEN = {"Authorization": "Bearer t"}
FHIR = {"Accept": "application/fhir+json"}
BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"

#: dialect -> a path of its mount, and the headers of an ordinary client there.
ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "halo-connect": (f"{BASE}/Patient", KEY),
    "halo-sql": (f"/integrator/sites/{SYDNEY}/queries/x", KEY | FHIR),
    "health-gorilla": ("/hg/Patient", TOKEN),
    "halo-itsm": ("/itsm/api/tickets", TOKEN),
}


def failing_settings(emulator: str, **sections: Any) -> Settings:
    """The ordinary settings with little patience, and with every upstream mounted."""
    few = {"timeouts": {"read": 0.7, "connect": 0.7}, "max_body": 3_000_000}
    upstreams = {
        "gorilla": {"url": f"{emulator}/fhir/R4", "dialect": "health-gorilla", "path": "/hg"} | few,
        "itsm": {"url": f"{emulator}/itsm", "dialect": "halo-itsm", "path": "/itsm"} | few,
        "stage": {"url": emulator, "dialect": "halo-connect", "path": "/stage"} | few,
    }
    plain = settings_for(emulator).model_dump()
    return Settings.model_validate(
        plain | {"upstream": {"url": emulator} | few, "upstreams": upstreams} | sections
    )


@contextmanager
def gateway(settings: Settings, **parts: Any) -> Iterator[str]:
    """The URL of a gateway of its own, which ends in its own time."""
    running = ThreadedServer(create_app(settings, **parts)).__enter__()
    try:
        yield running.url
    finally:
        running.should_exit = True


@dataclass(frozen=True)
class Failing:
    """The emulator, and a gateway that soon gives up waiting for it."""

    pair: Pair
    url: str
    client: httpx.Client

    def ask(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """A request with the demo key, unless `headers` says otherwise."""
        parts = {"headers": KEY} | parts
        return self.client.request(method, self.url + path, **parts)

    def answering(
        self, dialect: str, status: int, body: object, method: str = "GET", path: str = ""
    ) -> httpx.Response:
        """What a client gets when the upstream answers so."""
        body = body.decode() if isinstance(body, bytes) else body
        self.pair.fault(kind="answer", status=status, body=body, times=1)
        usual, headers = ASKED[dialect]
        return self.ask(method, path or usual, headers=headers)

    def journal(self, method: str) -> list[dict[str, object]]:
        """What the emulator has seen of a method since the last reset."""
        return [each for each in self.pair.sent() if each["method"] == method]


def outcome(response: httpx.Response, status: int | None = None) -> dict[str, Any]:
    """The one issue of a failure that is as every failure must be."""
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
    found: dict[str, Any] = issue
    return found


def code(issue: dict[str, Any]) -> str:
    """Our own code."""
    found: str = issue["details"]["coding"][0]["code"]
    return found
