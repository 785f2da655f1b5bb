"""Resilience state shared by two replicas through Redis: circuits, pauses, rates, page sizes, retries."""

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
from support.secrets import SECRET

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


class Replicas:
    """Two replicas in front of one emulator."""

    def __init__(self, emulator: RunningEmulator, urls: tuple[str, str]) -> None:
        self._emulator = emulator
        self.urls = urls

    def ask(self, replica_index: int, path: str = READ, **headers: str) -> httpx.Response:
        all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(
            self.urls[replica_index] + path, headers=KEY | all_headers, timeout=60, trust_env=False
        )

    def fault(self, **rule: Any) -> None:
        self._emulator.control("POST", "faults", rule)

    def well(self) -> None:
        self._emulator.control("DELETE", "faults")

    def sent(self) -> int:
        """Number of FHIR requests that reached the emulator, without `metadata`."""
        requests = self._emulator.control("GET", "requests")
        return sum("/fhir/" in request["path"] and "/metadata" not in request["path"] for request in requests)


@contextmanager
def run_replicas(emulator: RunningEmulator, redis: RedisServer, **sections: Any) -> Iterator[Replicas]:
    """Run two replicas with additional settings."""
    cache = {"profile": "off", "redis": {"url": redis.url, "timeout": 5}, "keys": [SECRET]}
    defaults = settings_for(emulator.url).model_dump()
    shared_settings = {"paging": {"keys": [SECRET]}, "server": {"public_url": "https://gw.example"}}
    settings = Settings.model_validate(defaults | shared_settings | _with_cache(cache, sections))
    emulator.control("POST", "reset")
    with capture_logs():
        servers = [ThreadedServer(create_app(settings)).__enter__() for _ in range(2)]
        yield Replicas(emulator, (servers[0].url, servers[1].url))
        for replica in servers:
            replica.__exit__()


def _with_cache(cache: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    return sections | {"cache": cache | sections.get("cache", {})}


def code_of(response: httpx.Response) -> str:
    return str(response.json()["issue"][0]["details"]["coding"][0]["code"])


def test_open_circuit_is_shared_and_cached_responses_are_served(
    emulator: RunningEmulator, redis: RedisServer
) -> None:
    with run_replicas(emulator, redis, cache={"profile": "balanced"}, circuit_breaker=LONG) as replicas:
        assert replicas.ask(0, SEARCH).status_code == 200
        replicas.fault(kind="offline", path="/fhir/")
        assert code_of(replicas.ask(0)) == "practice-offline"
        sent = replicas.sent()
        rejected = replicas.ask(1)
        assert (rejected.status_code, code_of(rejected)) == (503, "practice-circuit-open")
        assert int(rejected.headers["retry-after"]) >= 1
        for replica_index in (0, 1):
            cached = replicas.ask(replica_index, SEARCH)
            assert (cached.status_code, len(cached.json()["entry"])) == (200, 5)
            assert cached.headers["cache-status"].startswith("halo-gateway; hit")
        assert replicas.sent() == sent


def test_pause_is_shared(emulator: RunningEmulator, redis: RedisServer) -> None:
    with run_replicas(emulator, redis) as replicas:
        replicas.fault(kind="quota", path="/fhir/")
        codes = [code_of(replicas.ask(replica_index)) for replica_index in (0, 1, 0)]
        assert codes == ["upstream-quota"] * 3
        assert replicas.sent() == 1


def test_rate_limit_after_429_is_shared(emulator: RunningEmulator, redis: RedisServer) -> None:
    with run_replicas(emulator, redis) as replicas:
        busy = {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 60 seconds."}
        replicas.fault(kind="answer", status=429, body=busy, headers={"retry-after": "60"}, path="/fhir/")
        first, second = replicas.ask(0), replicas.ask(1)
        assert [code_of(response) for response in (first, second)] == ["rate-limited"] * 2
        assert int(second.headers["retry-after"]) > 1
        assert replicas.sent() == 1


@pytest.mark.anyio
async def test_configured_rate_is_shared(emulator: RunningEmulator, redis: RedisServer) -> None:
    # Forty requests, twenty by each replica: at ten per second in total they take four seconds, else two.
    rate = {"url": emulator.url, "requests_per_second": 10}
    with run_replicas(emulator, redis, upstream=rate, retry={"max_wait_seconds": 60}) as replicas:
        start = monotonic()
        assert await send_concurrently(replicas, 20) == [200] * 40
        assert monotonic() - start > 3


def test_learned_page_size_is_shared(emulator: RunningEmulator, redis: RedisServer) -> None:
    with run_replicas(emulator, redis) as replicas:
        emulator.control("PATCH", "settings", {"sites": {SYDNEY: {"size_limit": 2**20}}})
        assert replicas.ask(0, DOCUMENTS).status_code == 200
        first_requests = replicas.sent()
        assert replicas.ask(1, DOCUMENTS).status_code == 200
        assert (first_requests > 1, replicas.sent() - first_requests) == (True, 1)


def test_retry_budget_is_shared(emulator: RunningEmulator, redis: RedisServer) -> None:
    backoff = {"initial_backoff_seconds": 0.01, "max_backoff_seconds": 0.01}
    one_retry = {"budget_ratio": 0, "budget_min_per_hour": 1, "max_wait_seconds": 5} | backoff
    with run_replicas(emulator, redis, retry=one_retry) as replicas:
        replicas.fault(kind="answer", status=406, path="/fhir/")
        first, second = replicas.ask(0), replicas.ask(1)
        assert [response.headers.get("gateway-attempts") for response in (first, second)] == ["2", None]
        assert replicas.sent() == 3


async def send_concurrently(replicas: Replicas, count: int) -> list[int]:
    """Send `count` concurrent requests to each replica and return the statuses."""
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(headers=KEY, timeout=60, trust_env=False, limits=limits) as client:
        urls = [url + READ for url in replicas.urls] * count
        return [response.status_code for response in await asyncio.gather(*map(client.get, urls))]


def test_each_attempt_is_in_header_and_ledger(emulator: RunningEmulator, redis: RedisServer) -> None:
    admin = {"token": SECRET}
    with run_replicas(
        emulator, redis, retry={"max_wait_seconds": 5, "initial_backoff_seconds": 0.01}, admin=admin
    ) as replicas:
        replicas.fault(kind="answer", status=406, path="/Patient/1", times=1)
        response = replicas.ask(0)
        assert (response.status_code, response.headers["gateway-attempts"]) == (200, "2")
        admin_headers = {"Authorization": f"Bearer {admin['token']}"}
        ledger = httpx.get(f"{replicas.urls[0]}/admin/ledger", headers=admin_headers, trust_env=False).json()
        paid = sum(total["queries"] for cost, total in ledger["totals"].items() if "billed" in cost)
        assert (replicas.sent(), paid) == (2, 2)
