"""A gateway with mounts of several names in front of the emulator of Health Gorilla."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from conftest import ROOT

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

PAGE: Path = ROOT / "docs" / "health-gorilla.md"
TOKEN = {"Authorization": "Bearer demo-token"}
FHIR = {"Accept": "application/fhir+json"}
FHIR_CONTENT = {"Content-Type": "application/fhir+json"}
#: Name of a mount -> its path. The second has the letters that stand in the upstream's own base.
MOUNTS = {"labs": "/labs", "fhir": "/FHIR"}
#: No repeats: every test sees its own exchange and no other.
NO_RETRIES = {"budget_ratio": 0, "budget_min_per_hour": 0, "max_wait_seconds": 5}


@dataclass(frozen=True)
class GorillaGateway:
    """The emulator, and a mount of the gateway in front of it."""

    emulator: RunningEmulator
    origin: str
    mount: str
    client: httpx.Client

    @property
    def url(self) -> str:
        """Base of the mount."""
        return self.origin + self.mount

    @property
    def upstream_host(self) -> str:
        return urlsplit(self.emulator.url).netloc

    def ask(self, method: str, url: str, **parts: Any) -> httpx.Response:
        """A request with the demo token to a path of the mount, or to a URL."""
        parts["headers"] = TOKEN | parts.get("headers", {})
        return self.client.request(method, url if url.startswith("http") else f"{self.url}/{url}", **parts)

    def get(self, url: str, **headers: str) -> httpx.Response:
        return self.ask("GET", url, headers=headers)

    def post(self, path: str, resource: object, **headers: str) -> httpx.Response:
        return self.ask("POST", path, json=resource, headers=FHIR_CONTENT | headers)

    def fault(self, **rule: object) -> None:
        self.emulator.control("POST", "faults", rule)

    def settings(self, **changes: object) -> None:
        self.emulator.control("PATCH", "settings", changes)

    def sent(self) -> list[dict[str, Any]]:
        """What reached the emulator since the last reset."""
        found: list[dict[str, Any]] = self.emulator.control("GET", "requests")
        return found


def mounted_settings(emulator: str, **sections: Any) -> Settings:
    """Settings with a mount of the R4 base for each name, and one of the STU3 base."""
    mounts: dict[str, Any] = {
        name: {"url": f"{emulator}/fhir/R4", "dialect": "health-gorilla", "path": path}
        for name, path in MOUNTS.items()
    }
    mounts["labs-stu3"] = {
        "url": f"{emulator}/fhir",
        "dialect": "health-gorilla",
        "path": "/labs-stu3",
        "fhir_version": "3.0",
    }
    return Settings.model_validate({"upstreams": mounts, "retry": NO_RETRIES} | sections)


@contextmanager
def run_mount(emulator: RunningEmulator, mount: str, settings: Settings) -> Iterator[GorillaGateway]:
    """Reset the emulator, and run a gateway in front of it. It ends without waiting for its requests."""
    emulator.control("POST", "reset")
    server = ThreadedServer(create_app(settings)).__enter__()
    try:
        with httpx.Client(timeout=30, trust_env=False) as client:
            yield GorillaGateway(emulator, server.url, mount, client)
    finally:
        server.should_exit = True


def page_blocks(language: str) -> list[str]:
    """Code blocks of the page in a language, in order."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
