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
from gateway.emulator.sites import MOVED, SYDNEY
from gateway.exchange import FhirRequest, Handler
from gateway.paging.page_links import Paged
from gateway.paging.page_sizer import Resized
from gateway.paging.page_token import Seal
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import Normalised, Repaired
from gateway.resilience.backoff import Doubling, left
from gateway.resilience.bulkhead import Bounded
from gateway.resilience.circuit_breaker import Rested, Rests
from gateway.resilience.fair_queue import Claimant
from gateway.resilience.pause_rules import caller
from gateway.resilience.pauses import Paused, Pauses
from gateway.resilience.rate_limiter import Paced, Rates
from gateway.resilience.retry import Retried
from gateway.resilience.retry_budget import Spending
from gateway.resilience.retry_policy import Budget
from gateway.search.executor import Gathered
from gateway.server.serve import InThread
from gateway.settings import SiteSettings
from gateway.settings.resolve import Sites
from gateway.sites.directory import SiteDirectory
from gateway.sites.relocation import Practice, Relocated
from gateway.stores.memory import MemoryStore
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import Upstream
from gateway.upstreams.transport import PooledTransport
from gateway.web.endpoint import Endpoint
from gateway.web.errors import Answered
from gateway.web.request_reader import Incoming

T = TypeVar("T")


def claimant(request: FhirRequest) -> Claimant:
    """Who wants a turn: the key, and the caller a test names."""
    return Claimant(caller(request, b"secret"), request.header("x-caller"))


@dataclass
class Limits:
    """What a test sets; the rest is as an operator would have it, but quicker."""

    rate: float | None = None
    patience: float = 3.0
    retry: Doubling = field(default_factory=lambda: Doubling(0.05, 0.2))
    rest: Doubling = field(default_factory=lambda: Doubling(30.0, 300.0))
    budget: Budget = field(default_factory=Budget)
    unanswered: bool = False
    longest: float = 5.0
    read: float = 5.0
    most: int = 16
    queue: int = 200
    size_limit: int = 8 * 2**20
    max_body: int = 64_000_000
    practices: dict[str, Practice] = field(default_factory=dict)
    who: Callable[[FhirRequest], Claimant] = claimant


class Chain:
    """Everything between Repaired and the wire, with the shared state at hand."""

    def __init__(self, limits: Limits, seed: int = 7) -> None:
        self.store = MemoryStore()
        self.pool = PooledTransport(
            limits=httpx.Limits(max_connections=200, keepalive_expiry=20),
            timeout=httpx.Timeout(limits.read, connect=1.0),
            max_body=limits.max_body,
            total=limits.longest,
        )
        self.rests = Rests(self.store, limits.rest, time.time, random.Random(seed).random)
        self.pauses = Pauses(self.store, time.time, secret=b"secret")
        self.rates = Rates(self.store, time.time, limits.rate)
        self.spending = Spending(self.store, limits.budget, time.time)
        self.relocated: Relocated
        self.resilient = self._composed(limits, seed)

    def _composed(self, limits: Limits, seed: int) -> Handler:
        def waits(request: FhirRequest) -> float:
            return left(request, limits.patience, time.monotonic())

        directory = SiteDirectory(self._upstream("halo-sql"))
        retried = Retried(
            self._upstream("halo-connect"),
            self.spending,
            limits.retry,
            waits,
            clock=time.monotonic,
            chance=random.Random(seed).random,
            unanswered=limits.unanswered,
        )
        self.relocated = Relocated(retried, self.store, limits.practices.get, directory.successor, time.time)
        bounded = Bounded(self.relocated, limits.most, limits.queue, waits, self.rests.check)
        paced = Paced(bounded, self.rates, limits.who, waits)
        rested = Rested(paced, self.rests, directory.online)
        paused = Paused(rested, self.pauses)
        return Resized(paused, self.store, lambda _: limits.size_limit, lambda _: "26.619", time.time)

    def _upstream(self, dialect: str) -> Upstream:
        return Upstream(self.pool, DIALECTS[dialect], lambda: datetime.now(UTC))


def app(chain: Chain, upstream: str) -> Starlette:
    """A gateway of that chain, without cache and ledger."""
    known = settings_for(upstream)
    moved = {MOVED: SiteSettings(time_zone="Australia/Brisbane")}
    settings = known.model_copy(update={"sites": known.sites | moved})
    gathered = Gathered(Repaired(chain.resilient, REPAIRS), settings.search.max_queries)
    whole = Answered(Paged(Normalised(gathered, REPAIRS), Seal(["key"]), timedelta(hours=1)))
    endpoint = Endpoint(Incoming(settings, Sites(settings)).fhir, whole)
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
    with InThread(app(Chain(Limits()), "http://127.0.0.1:9")) as server:
        yield f"{server.url}/integrator/sites/{SYDNEY}/fhir/R4"


@contextmanager
def standing(emulator: RunningEmulator, limits: Limits | None = None) -> Iterator[Standing]:
    """A gateway with these limits in front of a running emulator that was reset."""
    emulator.control("POST", "reset")
    chain = Chain(limits or Limits())
    with InThread(app(chain, emulator.url)) as server:
        yield Standing(emulator, chain, server.url)


def together(asks: list[Callable[[httpx.AsyncClient], Awaitable[T]]]) -> list[T]:
    """What many askers got at once, in the order they stand."""

    async def run() -> list[T]:
        limits = httpx.Limits(max_connections=400)
        async with httpx.AsyncClient(headers=KEY, timeout=60, trust_env=False, limits=limits) as client:
            return await asyncio.gather(*(each(client) for each in asks))

    return asyncio.run(run())
