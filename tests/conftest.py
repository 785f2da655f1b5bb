"""Real servers for the edges: one emulator and one gateway per test session, reset before each test."""

import gc
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import hypothesis
import pytest
from structlog.testing import capture_logs
from support.date_facts import PROBED_SUPPORT
from support.redis_groups import SharedGroups

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, SITES, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache, Retry, SearchSupport, Server, Settings, SiteSettings, Upstream

#: A busy machine is no failure: time is judged by `make bench` and the suite's own limit. Every run draws the
#: same examples, so that only a change of the code can fail; `make fuzz` draws others.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.register_profile("random", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("repeatable")

#: Every server of the tests is on this machine: no client may look for it behind a proxy of the environment.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"

#: All servers of the tests speak HTTP, but each of httpx's clients reads all certificates, for 20 to 30 ms.
httpx._transports.default.create_ssl_context = cache(httpx.create_ssl_context)

KEY = {"Ocp-Apim-Subscription-Key": "demo-key"}
ROOT = Path(__file__).parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exclude the tests from garbage collection: looking at 29,000 takes half a second each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def redis_groups() -> Iterator[SharedGroups]:
    """Redis servers of each kind: single, sentinel, cluster."""
    with ExitStack() as stack:
        yield SharedGroups(stack)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the gateway does."""
    return "asyncio"


def settings_for(upstream: str, facts: SearchSupport | None = None) -> Settings:
    """A gateway's settings in front of an emulator: its sites with their zones, Brisbane at /fhir/R4.

    `facts`: what is known about the upstreams; by default what a probe of usual sites proves.
    Nothing is kept or repeated, so that every test sees its own exchange and no other.
    """
    sites = {
        site.guid: SiteSettings(
            time_zone=site.zone.key, search=facts or PROBED_SUPPORT, last_updated_input={"*": "ok"}
        )
        for site in SITES.values()
    }
    return Settings(
        upstream=Upstream.model_validate({"url": upstream}),
        sites=sites,
        server=Server(default_site=BRISBANE),
        cache=Cache(profile="off"),
        retry=Retry(budget_ratio=0, budget_min_per_hour=0, max_wait_seconds=1),
    )


@dataclass
class Pair:
    """An emulator and the gateway in front of it."""

    emulator: RunningEmulator
    url: str
    spoilt: bool = False

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
        self.spoilt = True
        self.emulator.control("POST", "faults", rule)


class Running:
    """One emulator, and a gateway that is replaced once a failure has taught it something."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self._emulator = emulator
        self._gateway: ThreadedServer | None = None

    def pair(self) -> Pair:
        """The pair as new."""
        self._emulator.control("POST", "reset")
        if self._gateway is None:
            self._gateway = ThreadedServer(create_app(settings_for(self._emulator.url))).__enter__()
        return Pair(self._emulator, self._gateway.url)

    def stop(self) -> None:
        """Let the gateway end, in its own time; the next test gets another."""
        if self._gateway is not None:
            self._gateway.should_exit = True
            self._gateway = None


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    with RunningEmulator(EmulatorSettings(patients=30, documents=5)) as emulator:
        found = Running(emulator)
        yield found
        found.stop()


@pytest.fixture
def pair(running: Running) -> Iterator[Pair]:
    """The running pair, as new; log lines stay out of the test's output."""
    with capture_logs():
        found = running.pair()
        yield found
        if found.spoilt:
            running.stop()
