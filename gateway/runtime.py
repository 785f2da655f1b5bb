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

from gateway.admin.endpoints import AdminEndpoints
from gateway.admin.health import Checks
from gateway.admin.operations import Operations
from gateway.builders import (
    cache_config,
    caller_secret,
    connection_pool,
    create_ledger,
    fast_path_bytes,
    open_store,
)
from gateway.cache.response_cache import CacheOutcomeCounter, ResponseCache
from gateway.chain import ResilienceChain
from gateway.dates.timezones import load_zone
from gateway.exchange import Handler, Site
from gateway.ledger.caps import DailyCap
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.metering import UpstreamMeter
from gateway.ledger.recorder import CallerConfig, ConfiguredNames, Recorder
from gateway.paging.page_token import TokenCipher
from gateway.server.admin_port import bind, serve_admin_port
from gateway.settings import Settings
from gateway.settings import Upstream as UpstreamSettings
from gateway.settings.cautions import find_cautions
from gateway.settings.resolve import ConfiguredSites, site_settings_lookup
from gateway.sites.engine_version import EngineDetector, EngineVersions
from gateway.telemetry.metrics import Metrics
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import UpstreamClient
from gateway.web.fast_path import FastPathCache, LogRequestFactory
from gateway.web.rejections import RejectionCounter

_log = structlog.get_logger()

UtcClock = Callable[[], datetime]
ClientFactory = Callable[[str], Handler]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass
class Runtime:
    """Everything with a life of its own; opened and closed with the application.

    Raises OSError where nobody can listen on admin.listen.
    """

    settings: Settings
    transport: httpx.AsyncBaseTransport | None = None
    now: UtcClock = utc_now
    log_request_factory: LogRequestFactory | None = None
    pools: list[httpx.AsyncBaseTransport] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.settings
        self.cautions = find_cautions(settings)
        for each in self.cautions:
            _log.warning("configuration", setting=each.setting, warning=each.text)
        self.sites = ConfiguredSites(settings)
        self._site_settings = site_settings_lookup(settings)
        spare = token_hex()
        self.token_cipher = _token_cipher(settings, spare)
        self._secret = caller_secret(settings, spare)
        listen = settings.admin.listen
        self._admin_socket = bind(listen) if listen else None
        self.exit_stack = AsyncExitStack()
        self.store = open_store(settings.cache, self.exit_stack)
        self.engine_versions = EngineVersions(self.store, lambda: self.now().timestamp(), self._purge_site)
        self.cache_config = cache_config(settings, spare, self.engine_versions.shared_version)
        self.metrics = Metrics()
        self.ledger = create_ledger(settings)
        self.daily_usage = DailyUsage(self._daily_cap, self.sites)
        self.ledger.set_usage_listener(lambda others: self.daily_usage.update_from_ledger(others, self.now()))
        self.recorder = Recorder(
            self.ledger,
            self.daily_usage,
            self.metrics,
            site_of=self.sites,
            configured_names=_configured_names(settings),
            now=self.now,
        )
        self.operations = Operations(settings, self.store, self.cache_config.secret, self.sites, self.now)
        self.fast_path_cache = FastPathCache(
            fast_path_bytes(settings.cache),
            self.recorder,
            time.time if self.now is utc_now else lambda: self.now().timestamp(),
            vary_by_peer=bool(settings.server.trusted_proxies),
            outcome_counts=self.operations.outcome_counts,
            log_request_factory=self.log_request_factory,
        )
        self.operations.fast_path_caches.append(self.fast_path_cache)
        self.metrics.register_caps(lambda: self.daily_usage.cap_statuses(self.now()))
        self.metrics.register_async(self.operations.metric_families)

    def upstream_client(self, upstream: UpstreamSettings) -> ClientFactory:
        """What asks one upstream in a dialect, counting every exchange, over one pool of connections."""
        transport = self.transport or connection_pool(upstream)
        self.pools.append(transport)
        text = self.settings.errors.upstream_text
        return lambda dialect: EngineDetector(
            UpstreamMeter(UpstreamClient(transport, DIALECTS[dialect], self.now, text), self.recorder),
            self.engine_versions,
        )

    def rejection_counter(self, mount_name: str = "", *, is_fhir: bool = True) -> RejectionCounter:
        """What counts the requests refused below a path of their own, or below Halo Connect's."""
        own = self.settings.server.default_site if is_fhir else None
        site = Site(mount_name, load_zone("UTC"), mount_name) if mount_name else self.sites(own or "")
        return RejectionCounter(self.recorder, self.sites, site, is_fhir)

    def with_cache(self, inner: Handler) -> Handler:
        """What keeps answers for a while."""
        cached = ResponseCache(inner, self.store, self.cache_config, self.now)
        self.operations.response_caches.append(cached)
        return CacheOutcomeCounter(cached, self.operations.outcome_counts)

    def with_resilience(self, upstream: UpstreamSettings, client_for: ClientFactory) -> Handler:
        """What asks Halo Connect, in spite of trouble."""
        resilience = ResilienceChain(
            self.settings, upstream, self.store, self._secret, self.engine_versions.local_version
        )
        handler = resilience.build_chain(client_for)
        self.operations.upstream_handlers.extend(resilience.upstream_handlers)
        return handler

    @property
    def warnings(self) -> Checks:
        """What an operator should know of, though the gateway serves without it."""
        return {"store": self.store.problem, "ledger": self.ledger.problem, "sites": self._sites_problem}

    def admin_endpoints(self) -> AdminEndpoints:
        """The operators' endpoints."""
        return self.operations.admin_endpoints(
            self.ledger.rows, lambda: self.daily_usage.cap_statuses(self.now())
        )

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Open the ledger and go on with today's counts; at the end close all, losing nothing."""
        async with (
            serve_admin_port(app.state.operators, self._admin_socket) if self._admin_socket else nullcontext()
        ):
            await asyncio.to_thread(self.ledger.open)
            yield
        await self.exit_stack.aclose()
        for each in self.pools:
            await each.aclose()
        self.recorder.count_unfinished()
        await asyncio.to_thread(self.ledger.close)

    async def _sites_problem(self) -> str:
        texts = (f"{each.setting}: {each.text}" for each in self.cautions if each.component == "sites")
        return " ".join(texts)

    async def _purge_site(self, site: str) -> None:
        await self.operations.purge_responses(site, "", "")

    def _daily_cap(self, guid: str) -> DailyCap | None:
        caps = self._site_settings(guid).caps
        return DailyCap(caps.queries, caps.bytes, caps.reject_batch) if caps.queries or caps.bytes else None


def _configured_names(settings: Settings) -> ConfiguredNames:
    callers = {
        digits: CallerConfig(each.name, each.batch) for digits, each in settings.ledger.callers.items()
    }
    return ConfiguredNames(
        callers, {*settings.sites, *settings.upstreams, settings.server.default_site or ""}
    )


def _token_cipher(settings: Settings, fallback_key: str) -> TokenCipher:
    return TokenCipher([key.get_secret_value() for key in settings.paging.keys] or [fallback_key])
