"""What one process holds as long as it serves: connections, seal, ledger, counters."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex

import httpx
import structlog
from starlette.applications import Starlette

from gateway.admin.endpoints import Admin
from gateway.admin.health import Checks
from gateway.admin.operations import Operated
from gateway.builders import caching, ledger, pool, prepared, secret, store
from gateway.cache.response_cache import Cached, Tallied
from gateway.chain import Resilience
from gateway.dates.timezones import zone
from gateway.exchange import Handler, Site
from gateway.ledger.caps import Cap
from gateway.ledger.daily_usage import DailyUse
from gateway.ledger.metering import Counted
from gateway.ledger.recorder import Caller, Known, Recorder
from gateway.paging.page_token import Seal
from gateway.server.admin_port import beside, bound_to
from gateway.settings import Settings
from gateway.settings import Upstream as UpstreamSettings
from gateway.settings.cautions import cautions
from gateway.settings.resolve import Sites, by_guid
from gateway.sites.engine_version import Engines, Recognised
from gateway.telemetry.metrics import Metrics
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import Upstream
from gateway.web.fast_path import Hits, Line
from gateway.web.rejections import Refused

_log = structlog.get_logger()

Now = Callable[[], datetime]
Ask = Callable[[str], Handler]


def clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass
class Process:
    """Everything with a life of its own; opened and closed with the application.

    Raises OSError where nobody can listen on admin.listen.
    """

    settings: Settings
    transport: httpx.AsyncBaseTransport | None = None
    now: Now = clock
    line: Line | None = None
    pools: list[httpx.AsyncBaseTransport] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.settings
        self.cautions = cautions(settings)
        for each in self.cautions:
            _log.warning("configuration", setting=each.setting, warning=each.text)
        self.sites = Sites(settings)
        self._site = by_guid(settings)
        spare = token_hex()
        self.seal = _seal(settings, spare)
        self._secret = secret(settings, spare)
        listen = settings.admin.listen
        self._own = bound_to(listen) if listen else None
        self.closing = AsyncExitStack()
        self.store = store(settings.cache, self.closing)
        self.engines = Engines(self.store, lambda: self.now().timestamp(), self._purge)
        self.caching = caching(settings, spare, self.engines.version)
        self.metrics = Metrics()
        self.ledger = ledger(settings)
        self.use = DailyUse(self._cap, self.sites)
        self.ledger.watch(lambda others: self.use.told(others, self.now()))
        self.recorder = Recorder(
            self.ledger,
            self.use,
            self.metrics,
            sites=self.sites,
            known=_known(settings),
            now=self.now,
        )
        self.operated = Operated(settings, self.store, self.caching.secret, self.sites, self.now)
        self.hits = Hits(
            prepared(settings.cache),
            self.recorder,
            time.time if self.now is clock else lambda: self.now().timestamp(),
            peers=bool(settings.server.trusted_proxies),
            tally=self.operated.tally,
            line=self.line,
        )
        self.operated.hits.append(self.hits)
        self.metrics.show(lambda: self.use.standings(self.now()))
        self.metrics.watch(self.operated.families)

    def asking(self, upstream: UpstreamSettings) -> Ask:
        """What asks one upstream in a dialect, counting every exchange, over one pool of connections."""
        transport = self.transport or pool(upstream)
        self.pools.append(transport)
        text = self.settings.errors.upstream_text
        return lambda dialect: Recognised(
            Counted(Upstream(transport, DIALECTS[dialect], self.now, text), self.recorder), self.engines
        )

    def refused(self, mount: str = "", *, fhir: bool = True) -> Refused:
        """What counts the requests refused below a path of their own, or below Halo Connect's."""
        own = self.settings.server.site if fhir else None
        site = Site(mount, zone("UTC"), mount) if mount else self.sites(own or "")
        return Refused(self.recorder, self.sites, site, fhir)

    def cached(self, inner: Handler) -> Handler:
        """What keeps answers for a while."""
        cached = Cached(inner, self.store, self.caching, self.now)
        self.operated.caches.append(cached)
        return Tallied(cached, self.operated.tally)

    def resilient(self, upstream: UpstreamSettings, ask: Ask) -> Handler:
        """What asks Halo Connect, in spite of trouble."""
        resilience = Resilience(self.settings, upstream, self.store, self._secret, self.engines.of)
        handler = resilience.around(ask)
        self.operated.watches.extend(resilience.watched)
        return handler

    @property
    def warnings(self) -> Checks:
        """What an operator should know of, though the gateway serves without it."""
        return {"store": self.store.problem, "ledger": self.ledger.problem, "sites": self._sites_problem}

    def admin(self) -> Admin:
        """The operators' endpoints."""
        return self.operated.admin(self.ledger.rows, lambda: self.use.standings(self.now()))

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Open the ledger and go on with today's counts; at the end close all, losing nothing."""
        async with beside(app.state.operators, self._own) if self._own else nullcontext():
            await asyncio.to_thread(self.ledger.open)
            yield
        await self.closing.aclose()
        for each in self.pools:
            await each.aclose()
        self.recorder.settle()
        await asyncio.to_thread(self.ledger.close)

    async def _sites_problem(self) -> str:
        texts = (f"{each.setting}: {each.text}" for each in self.cautions if each.component == "sites")
        return " ".join(texts)

    async def _purge(self, site: str) -> None:
        await self.operated.forget(site, "", "")

    def _cap(self, guid: str) -> Cap | None:
        caps = self._site(guid).caps
        return Cap(caps.queries, caps.bytes, caps.stop_batch) if caps.queries or caps.bytes else None


def _known(settings: Settings) -> Known:
    callers = {digits: Caller(each.name, each.batch) for digits, each in settings.ledger.callers.items()}
    return Known(callers, {*settings.sites, *settings.upstreams, settings.server.site or ""})


def _seal(settings: Settings, spare: str) -> Seal:
    return Seal([key.get_secret_value() for key in settings.pages.keys] or [spare])
