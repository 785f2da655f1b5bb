"""Two gateways on one Redis rest, pause, pace, learn and spend as one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import httpx
import pytest
from conftest import KEY, settings_for
from structlog.testing import capture_logs
from support.redis_server import RedisServer, redis_server

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
READ = f"{BASE}/Patient/1"
SEARCH = f"{BASE}/Patient?gender=female&_count=5"
DOCUMENTS = f"{BASE}/DocumentReference?patient=1&_count=100"
LONG = {"initial_open_seconds": 60, "max_open_seconds": 60}


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with capture_logs(), RunningEmulator(EmulatorSettings(patients=20)) as running:
        yield running


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


class Two:
    """Two replicas in front of one emulator."""

    def __init__(self, emulator: RunningEmulator, urls: tuple[str, str]) -> None:
        self._emulator = emulator
        self.urls = urls

    def ask(self, which: int, path: str = READ, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(self.urls[which] + path, headers=KEY | named, timeout=60, trust_env=False)

    def fault(self, **rule: Any) -> None:
        self._emulator.control("POST", "faults", rule)

    def well(self) -> None:
        self._emulator.control("DELETE", "faults")

    def sent(self) -> int:
        """How many FHIR requests reached the emulator, statements aside."""
        found = self._emulator.control("GET", "requests")
        return sum("/fhir/" in each["path"] and "/metadata" not in each["path"] for each in found)


@contextmanager
def two(emulator: RunningEmulator, redis: RedisServer, **sections: Any) -> Iterator[Two]:
    """The replicas, with other settings than the ordinary ones."""
    cache = {"profile": "off", "redis": {"url": redis.url, "timeout": 5}, "keys": ["synthetic key"]}
    plain = settings_for(emulator.url).model_dump()
    own = {"paging": {"keys": ["synthetic key"]}, "server": {"public_url": "https://gw.example"}}
    settings = Settings.model_validate(plain | own | _merged(cache, sections))
    emulator.control("POST", "reset")
    with capture_logs():
        running = [ThreadedServer(create_app(settings)).__enter__() for _ in range(2)]
        yield Two(emulator, (running[0].url, running[1].url))
        for each in running:
            each.__exit__()


def _merged(cache: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    return sections | {"cache": cache | sections.get("cache", {})}


def code(answer: httpx.Response) -> str:
    return str(answer.json()["issue"][0]["details"]["coding"][0]["code"])


def test_they_rest_together_and_serve_what_is_cached(emulator: RunningEmulator, redis: RedisServer) -> None:
    with two(emulator, redis, cache={"profile": "balanced"}, circuit_breaker=LONG) as replicas:
        assert replicas.ask(0, SEARCH).status_code == 200
        replicas.fault(kind="offline", path="/fhir/")
        assert code(replicas.ask(0)) == "practice-offline"
        sent = replicas.sent()
        resting = replicas.ask(1)
        assert (resting.status_code, code(resting)) == (503, "practice-circuit-open")
        assert int(resting.headers["retry-after"]) >= 1
        for which in (0, 1):
            kept = replicas.ask(which, SEARCH)
            assert (kept.status_code, len(kept.json()["entry"])) == (200, 5)
            assert kept.headers["cache-status"].startswith("halo-gateway; hit")
        assert replicas.sent() == sent


def test_they_pause_together(emulator: RunningEmulator, redis: RedisServer) -> None:
    with two(emulator, redis) as replicas:
        replicas.fault(kind="quota", path="/fhir/")
        assert [code(replicas.ask(which)) for which in (0, 1, 0)] == [
            "upstream-quota",
            "requests-paused",
            "requests-paused",
        ]
        assert replicas.sent() == 1


def test_they_go_slower_together(emulator: RunningEmulator, redis: RedisServer) -> None:
    with two(emulator, redis) as replicas:
        busy = {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 60 seconds."}
        replicas.fault(kind="answer", status=429, body=busy, headers={"retry-after": "60"}, path="/fhir/")
        first, second = replicas.ask(0), replicas.ask(1)
        assert [code(each) for each in (first, second)] == ["rate-limited"] * 2
        assert int(second.headers["retry-after"]) > 1
        assert replicas.sent() == 1


def test_they_keep_one_rate_together(emulator: RunningEmulator, redis: RedisServer) -> None:
    """Forty requests, twenty by each: at ten a second in all they take four seconds, alone they take two."""
    rate = {"url": emulator.url, "requests_per_second": 10}
    with two(emulator, redis, upstream=rate, retry={"max_wait_seconds": 60}) as replicas:
        start = monotonic()
        codes = together(replicas, 20)
        assert codes == [200] * 40
        assert monotonic() - start > 3


def test_they_learn_page_sizes_together(emulator: RunningEmulator, redis: RedisServer) -> None:
    with two(emulator, redis) as replicas:
        emulator.control("PATCH", "settings", {"sites": {SYDNEY: {"size_limit": 2**20}}})
        assert replicas.ask(0, DOCUMENTS).status_code == 200
        learned = replicas.sent()
        assert replicas.ask(1, DOCUMENTS).status_code == 200
        assert (learned > 1, replicas.sent() - learned) == (True, 1)


def test_they_spend_one_budget_of_retries(emulator: RunningEmulator, redis: RedisServer) -> None:
    backoff = {"initial_backoff_seconds": 0.01, "max_backoff_seconds": 0.01}
    once = {"budget_ratio": 0, "budget_min_per_hour": 1, "max_wait_seconds": 5} | backoff
    with two(emulator, redis, retry=once) as replicas:
        replicas.fault(kind="answer", status=406, path="/fhir/")
        first, second = replicas.ask(0), replicas.ask(1)
        assert [each.headers.get("gateway-attempts") for each in (first, second)] == ["2", None]
        assert replicas.sent() == 3


def together(replicas: Two, each: int) -> list[int]:
    """The statuses of that many requests to each, all at once."""

    async def run() -> list[int]:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(headers=KEY, timeout=60, trust_env=False, limits=limits) as client:
            urls = [url + READ for url in replicas.urls] * each
            return [found.status_code for found in await asyncio.gather(*map(client.get, urls))]

    return asyncio.run(run())


def test_each_attempt_is_in_the_header_and_in_the_ledger(
    emulator: RunningEmulator, redis: RedisServer
) -> None:
    admin = {"token": "synthetic-operator-token"}
    with two(
        emulator, redis, retry={"max_wait_seconds": 5, "initial_backoff_seconds": 0.01}, admin=admin
    ) as replicas:
        replicas.fault(kind="answer", status=406, path="/Patient/1", times=1)
        found = replicas.ask(0)
        assert (found.status_code, found.headers["gateway-attempts"]) == (200, "2")
        operator = {"Authorization": f"Bearer {admin['token']}"}
        ledger = httpx.get(f"{replicas.urls[0]}/admin/ledger", headers=operator, trust_env=False).json()
        paid = sum(each["queries"] for cost, each in ledger["totals"].items() if "billed" in cost)
        assert (replicas.sent(), paid) == (2, 2)
