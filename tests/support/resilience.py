"""The handlers against trouble, in their order, over a real connection pool and an embedded store."""

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

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.sites import RELOCATED_SITE, SYDNEY
from gateway.exchange import FhirRequest, Handler
from gateway.http.callers import keyed_fingerprint
from gateway.paging.page_links import PageLinks
from gateway.paging.page_sizer import PageSizer
from gateway.paging.page_token import TokenCipher
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.resilience.backoff import ExponentialBackoff, remaining_wait
from gateway.resilience.bulkhead import Bulkhead
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
from gateway.sites.directory import SiteDirectory
from gateway.sites.relocation import PmsIdentity, SiteRelocation
from gateway.stores.memory import MemoryStore
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import UpstreamClient
from gateway.upstreams.transport import PooledTransport
from gateway.web.endpoint import Endpoint
from gateway.web.errors import ErrorHandler
from gateway.web.request_reader import RequestReader

T = TypeVar("T")


def claimant(request: FhirRequest) -> QueueTicket:
    """Who wants a turn: the key, and the caller a test names."""
    return QueueTicket(keyed_fingerprint(request.headers, b"secret"), request.header("x-caller"))


@dataclass
class Limits:
    """What a test sets; the rest is as an operator would have it, but quicker."""

    rate: float | None = None
    patience: float = 3.0
    retry: ExponentialBackoff = field(default_factory=lambda: ExponentialBackoff(0.05, 0.2))
    rest: ExponentialBackoff = field(default_factory=lambda: ExponentialBackoff(30.0, 300.0))
    budget: RetryBudgetPolicy = field(default_factory=RetryBudgetPolicy)
    unanswered: bool = False
    longest: float = 5.0
    read: float = 5.0
    most: int = 16
    queue: int = 200
    size_limit: int = 8 * 2**20
    max_body: int = 64_000_000
    practices: dict[str, PmsIdentity] = field(default_factory=dict)
    who: Callable[[FhirRequest], QueueTicket] = claimant


class Chain:
    """Everything between Repaired and the wire, with the shared state at hand."""

    def __init__(self, limits: Limits, seed: int = 7) -> None:
        self.store = MemoryStore()
        self.pool = PooledTransport(
            limits=httpx.Limits(max_connections=200, keepalive_expiry=20),
            timeout=httpx.Timeout(limits.read, connect=1.0),
            max_body=limits.max_body,
            total_timeout=limits.longest,
        )
        self.rests = CircuitRegistry(self.store, limits.rest, time.time, random.Random(seed).random)
        self.pauses = PauseRegistry(self.store, time.time, secret=b"secret")
        self.rates = RateLimits(self.store, time.time, limits.rate)
        self.spending = RetryBudget(self.store, limits.budget, time.time)
        self.relocated: SiteRelocation
        self.resilient = self._composed(limits, seed)

    def _composed(self, limits: Limits, seed: int) -> Handler:
        def waits(request: FhirRequest) -> float:
            return remaining_wait(request, limits.patience, time.monotonic())

        directory = SiteDirectory(self._upstream("halo-sql"))
        retried = Retry(
            self._upstream("halo-connect"),
            self.spending,
            limits.retry,
            waits,
            clock=time.monotonic,
            jitter=random.Random(seed).random,
            retry_on_timeout=limits.unanswered,
        )
        self.relocated = SiteRelocation(
            retried, self.store, limits.practices.get, directory.find_successor, time.time
        )
        bounded = Bulkhead(self.relocated, limits.most, limits.queue, waits, self.rests.require_not_open)
        paced = RateLimiter(bounded, self.rates, limits.who, waits)
        rested = CircuitBreaker(paced, self.rests, directory.is_online)
        paused = PauseGate(rested, self.pauses)
        return PageSizer(paused, self.store, lambda _: limits.size_limit, lambda _: "26.619", time.time)

    def _upstream(self, dialect: str) -> UpstreamClient:
        return UpstreamClient(self.pool, DIALECTS[dialect], lambda: datetime.now(UTC))


def app(chain: Chain, upstream: str) -> Starlette:
    """A gateway of that chain, without cache and ledger."""
    known = settings_for(upstream)
    moved = {RELOCATED_SITE: SiteSettings(time_zone="Australia/Brisbane")}
    settings = known.model_copy(update={"sites": known.sites | moved})
    gathered = SearchExecutor(ResponseRepairs(chain.resilient, REPAIRS), settings.search.max_queries_per_page)
    whole = ErrorHandler(
        PageLinks(RequestRepairs(gathered, REPAIRS), TokenCipher(["key"]), timedelta(hours=1))
    )
    endpoint = Endpoint(RequestReader(settings, ConfiguredSites(settings)).read_fhir, whole)
    base = "/integrator/sites/{siteId}/fhir/R4"

    @asynccontextmanager
    async def closing(_: Starlette) -> AsyncIterator[None]:
        yield
        await chain.pool.aclose()

    return Starlette(routes=[Route(base, endpoint), Route(base + "/{path:path}", endpoint)], lifespan=closing)


@dataclass
class Standing:
    """A gateway in front of an emulator, for one test."""

    emulator: RunningEmulator
    chain: Chain
    url: str

    def base(self, guid: str) -> str:
        return f"{self.url}/integrator/sites/{guid}/fhir/R4"

    def get(self, guid: str, path: str, **headers: str) -> httpx.Response:
        """One answer of the gateway."""
        return self.ask("GET", f"{self.base(guid)}/{path}", None, **headers)

    def ask(self, method: str, url: str, content: bytes | None = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(method, url, content=content, headers=KEY | named, timeout=30, trust_env=False)

    def fault(self, **rule: Any) -> None:
        self.emulator.control("POST", "faults", rule)

    def well(self) -> None:
        self.emulator.control("DELETE", "faults")

    def sent(self, under: str = "/fhir/") -> list[dict[str, Any]]:
        """What reached the emulator, below a path."""
        return [each for each in self.emulator.control("GET", "requests") if under in each["path"]]

    def billed(self) -> int:
        return int(self.emulator.control("GET", "bill")["queries"])

    def forget(self) -> None:
        """Begin to count anew."""
        self.emulator.control("DELETE", "requests")
        self.emulator.control("DELETE", "bill")


@contextmanager
def before_nothing() -> Iterator[str]:
    """The FHIR base of a gateway whose upstream refuses connections."""
    with ThreadedServer(app(Chain(Limits()), "http://127.0.0.1:9")) as server:
        yield f"{server.url}/integrator/sites/{SYDNEY}/fhir/R4"


@contextmanager
def standing(emulator: RunningEmulator, limits: Limits | None = None) -> Iterator[Standing]:
    """A gateway with these limits in front of a running emulator that was reset."""
    emulator.control("POST", "reset")
    chain = Chain(limits or Limits())
    with ThreadedServer(app(chain, emulator.url)) as server:
        yield Standing(emulator, chain, server.url)


def together(asks: list[Callable[[httpx.AsyncClient], Awaitable[T]]]) -> list[T]:
    """What many askers got at once, in the order they stand."""

    async def run() -> list[T]:
        limits = httpx.Limits(max_connections=400)
        async with httpx.AsyncClient(headers=KEY, timeout=60, trust_env=False, limits=limits) as client:
            return await asyncio.gather(*(each(client) for each in asks))

    return asyncio.run(run())
