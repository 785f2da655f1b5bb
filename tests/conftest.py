"""Real servers for the edges: one emulator and one gateway per test session, reset before each test."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, SITES, SYDNEY
from gateway.serving import InThread
from gateway.settings import SearchFacts, Server, Settings, SiteSettings, Upstream

KEY = {"Ocp-Apim-Subscription-Key": "demo-key"}
ROOT = Path(__file__).parent.parent


def settings_for(upstream: str, facts: SearchFacts | None = None) -> Settings:
    """A gateway's settings in front of an emulator: its sites with their zones, Brisbane at /fhir/R4."""
    sites = {
        site.guid: SiteSettings(time_zone=site.zone.key, search=facts or SearchFacts())
        for site in SITES.values()
    }
    return Settings(
        upstream=Upstream.model_validate({"url": upstream}), sites=sites, server=Server(site=BRISBANE)
    )


@dataclass(frozen=True)
class Pair:
    """An emulator and the gateway in front of it."""

    emulator: RunningEmulator
    url: str

    def base(self, guid: str = SYDNEY) -> str:
        return f"{self.url}/integrator/sites/{guid}/fhir/R4"

    def get(self, path: str, guid: str = SYDNEY, **headers: str) -> httpx.Response:
        """A request to the gateway's FHIR base."""
        return self.ask("GET", f"{self.base(guid)}/{path}", **headers)

    def ask(self, method: str, url: str, content: bytes | None = None, **headers: str) -> httpx.Response:
        """A request to any URL, with the demo key."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(method, url, content=content, headers=KEY | named, timeout=30, trust_env=False)

    def straight(self, path: str, guid: str = SYDNEY) -> httpx.Response:
        """The same request to the emulator."""
        return self.ask("GET", f"{self.emulator.url}/integrator/sites/{guid}/fhir/R4/{path}")

    def sent(self) -> list[dict[str, object]]:
        """What reached the emulator since the last reset."""
        found: list[dict[str, object]] = self.emulator.control("GET", "requests")
        return found

    def settings(self, **changes: object) -> None:
        """Change the emulator's switches for this test."""
        self.emulator.control("PATCH", "settings", changes)

    def fault(self, **rule: object) -> None:
        """Let the emulator fail on purpose."""
        self.emulator.control("POST", "faults", rule)


@pytest.fixture(scope="session")
def running() -> Iterator[Pair]:
    with (
        RunningEmulator(EmulatorSettings(patients=30, documents=5)) as emulator,
        InThread(create_app(settings_for(emulator.url))) as gateway,
    ):
        yield Pair(emulator, gateway.url)


@pytest.fixture
def pair(running: Pair) -> Iterator[Pair]:
    """The running pair, as new; log lines stay out of the test's output."""
    running.emulator.control("POST", "reset")
    with capture_logs():
        yield running
