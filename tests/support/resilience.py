"""Gateway with the resilience handlers in their order, over a real connection pool and a memory store."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from conftest import KEY, settings_for
from starlette.applications import Starlette
from starlette.routing import Route
from support.date_facts import PROBED_SITE

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.sites import RELOCATED_SITE
from gateway.exchange import FhirRequest, Handler
from gateway.http.callers import keyed_fingerprint
from gateway.http.proved_callers import caller_of
from gateway.paging.page_links import PageLinks
from gateway.paging.page_sizer import PageSizer
from gateway.paging.page_token import TokenCipher
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.resilience.backoff import ExponentialBackoff, remaining_wait
from gateway.resilience.bulkhead import Bulkhead, BulkheadLimits
from gateway.resilience.circuit_breaker import CircuitBreaker, CircuitRegistry
from gateway.resilience.fair_queue import QueueTicket
from gateway.resilience.pauses import PauseGate, PauseRegistry
from gateway.resilience.rate_limiter import RateLimiter, RateLimits
from gateway.resilience.retry import Retry
from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import RetryBudgetPolicy
from gateway.search.executor import SearchExecutor
from gateway.server.serve import ThreadedServer
from gateway.settings import SiteSettings
from gateway.settings.resolve import ConfiguredSites
from gateway.sites.directory import PmsIdentity, SiteDirectory
from gateway.sites.relocation import SiteRelocation
from gateway.stores.memory import MemoryStore
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import UpstreamClient
from gateway.upstreams.direct_transport import DirectTransport
from gateway.web.endpoint import Endpoint
from gateway.web.errors import ErrorHandler
from gateway.web.request_reader import RequestReader

T = TypeVar("T")


def queue_ticket(request: FhirRequest) -> QueueTicket:
    """Place in the queue, by key and by the caller that a test names."""
    return QueueTicket(keyed_fingerprint(request.headers, b"secret"), request.header("x-caller"))


@dataclass
class Limits:
    """Limits that a test sets; all other limits are as in production, but shorter."""

    rate: float | None = None
    max_wait: float = 3.0
    circuit_backoff: ExponentialBackoff = field(default_factory=lambda: ExponentialBackoff(30.0, 300.0))
    read: float = 5.0
    max_body: int = 64_000_000
    practices: dict[str, PmsIdentity] = field(default_factory=dict)


def caller_of_its_own(request: FhirRequest) -> str:
    """Another caller for each request, as if each client had its own key."""
    return str(id(request))


class Chain:
    """Handlers from PageSizer to UpstreamClient; `pool` is their connection pool."""

    def __init__(self, limits: Limits) -> None:
        self.pool = DirectTransport(
            limits=httpx.Limits(max_connections=200, keepalive_expiry=20),
            timeout=httpx.Timeout(limits.read, connect=20.0),
            max_body=limits.max_body,
            total_timeout=30.0,
        )
        self.handler = self._create_handler(limits)

    def _create_handler(self, limits: Limits) -> Handler:
        def max_wait(request: FhirRequest) -> float:
            return remaining_wait(request, limits.max_wait, time.monotonic())

        store, jitter = MemoryStore(), random.Random(7).random
        directory = SiteDirectory(self._upstream("halo-sql"))
        circuits = CircuitRegistry(store, limits.circuit_backoff, time.time, random.Random(7).random)
        retry = Retry(
            self._upstream("halo-connect"),
            RetryBudget(store, RetryBudgetPolicy(), time.time, b"secret"),
            ExponentialBackoff(0.05, 0.2),
            max_wait,
            caller_of,
            now=lambda: datetime.now(UTC),
            jitter=jitter,
        )
        relocation = SiteRelocation(retry, store, limits.practices.get, directory.find_successor, time.time)
        bulkhead = Bulkhead(
            relocation, BulkheadLimits(16, 200), max_wait, caller_of_its_own, circuits.require_not_open
        )
        limiter = RateLimiter(bulkhead, RateLimits(store, time.time, limits.rate), queue_ticket, max_wait)
        breaker = CircuitBreaker(limiter, circuits, directory.is_online)
        gate = PauseGate(breaker, PauseRegistry(store, time.time, secret=b"secret"))
        return PageSizer(gate, store, lambda _: 8 * 2**20, lambda _: "26.619", time.time, b"secret")

    def _upstream(self, dialect: str) -> UpstreamClient:
        return UpstreamClient(self.pool, DIALECTS[dialect], lambda: datetime.now(UTC))


def create_app(limits: Limits, upstream: str) -> Starlette:
    """Gateway with these limits, without cache and ledger."""
    chain, settings = Chain(limits), settings_for(upstream)
    relocated_site = {RELOCATED_SITE: SiteSettings(time_zone="Australia/Brisbane", **PROBED_SITE)}
    retry = settings.retry.model_copy(update={"max_wait_seconds": limits.max_wait})
    settings = settings.model_copy(update={"sites": settings.sites | relocated_site, "retry": retry})
    executor = SearchExecutor(ResponseRepairs(chain.handler, REPAIRS), settings.search.max_queries_per_page)
    links = PageLinks(RequestRepairs(executor, REPAIRS), TokenCipher(["key"]), timedelta(hours=1))
    reader = RequestReader(settings, ConfiguredSites(settings))
    endpoint = Endpoint(reader.read_fhir, ErrorHandler(links))
    base = "/integrator/sites/{siteId}/fhir/R4"

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await chain.pool.aclose()

    return Starlette(
        routes=[Route(base, endpoint), Route(base + "/{path:path}", endpoint)], lifespan=lifespan
    )


@dataclass
class RunningGateway:
    """A gateway in front of an emulator, for one test."""

    emulator: RunningEmulator
    url: str

    def base(self, guid: str) -> str:
        return f"{self.url}/integrator/sites/{guid}/fhir/R4"

    def get(self, guid: str, path: str, **headers: str) -> httpx.Response:
        """Response of the gateway."""
        return self.send("GET", f"{self.base(guid)}/{path}", None, **headers)

    def send(self, method: str, url: str, content: bytes | None = None, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(method, url, content=content, headers=KEY | names, timeout=30, trust_env=False)

    def add_fault(self, **rule: Any) -> None:
        self.emulator.control("POST", "faults", rule)

    def clear_faults(self) -> None:
        self.emulator.control("DELETE", "faults")

    def upstream_requests(self, path: str = "/fhir/") -> list[dict[str, Any]]:
        """Requests that reached the emulator, with this part in their path."""
        return [request for request in self.emulator.control("GET", "requests") if path in request["path"]]

    def billed_queries(self) -> int:
        return int(self.emulator.control("GET", "bill")["queries"])

    def reset_counts(self) -> None:
        self.emulator.control("DELETE", "requests")
        self.emulator.control("DELETE", "bill")


@contextmanager
def running_gateway(emulator: RunningEmulator, limits: Limits | None = None) -> Iterator[RunningGateway]:
    """Gateway with these limits in front of a running emulator, which is reset first."""
    emulator.control("POST", "reset")
    with ThreadedServer(create_app(limits or Limits(), emulator.url)) as server:
        yield RunningGateway(emulator, server.url)


def run_concurrently(functions: list[Callable[[httpx.AsyncClient], Awaitable[T]]]) -> list[T]:
    """Results of functions that run at the same time, in their order."""

    async def run() -> list[T]:
        limits = httpx.Limits(max_connections=400)
        async with httpx.AsyncClient(headers=KEY, timeout=60, trust_env=False, limits=limits) as client:
            return await asyncio.gather(*(function(client) for function in functions))

    return asyncio.run(run())
