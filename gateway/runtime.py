"""Runtime of one process: stores, connections, token cipher, ledger, counters."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from secrets import token_hex

import httpx
import structlog
from starlette.applications import Starlette

from gateway.admin.health import Checks, Shutdown
from gateway.advice.shape_log import ShapeLog
from gateway.app_builders import app_usage_of, configured_names, site_labels
from gateway.apps.app import OTHER
from gateway.apps.recognition import AppDirectory
from gateway.builders import RequestPolicies, cache_config, caller_secret, remaining_wait_of, token_cipher
from gateway.cache.freshness import ANY_TYPE, Freshness
from gateway.cache.invalidation import InvalidationCounters
from gateway.cache.lookup import CacheConfig
from gateway.cache.response_cache import OutcomeCounts
from gateway.cache.steady_clock import SteadyClock
from gateway.exchange import FhirRequest
from gateway.http.proved_callers import ProvedCallers, caller_of
from gateway.ledger.caps import DailyCap
from gateway.ledger.counts import AppUsageByDay
from gateway.ledger.daily_usage import CapStatus, DailyUsage
from gateway.ledger.ledger import Claim
from gateway.ledger.names import LedgerNames
from gateway.ledger.recorder import Recorder
from gateway.own_thread import run_in_own_thread
from gateway.repairs.rewrite_queue import RewriteQueue
from gateway.server.admin_port import bind, serve_admin_port
from gateway.server.exit_stacks import ExitStacks
from gateway.server.worker import Worker
from gateway.server.worker_store import WorkerStore
from gateway.settings import MountedUpstream, Settings, Upstream
from gateway.settings.cautions import find_cautions
from gateway.settings.resolve import ConfiguredSites, probed_issues_lookup, site_settings_lookup
from gateway.sites.engine_version import EngineVersions
from gateway.sites.issue_states import IssueStates
from gateway.sites.mounted_names import site_lookup_by_path
from gateway.store_builders import create_ledger, fast_path_bytes, open_channel, open_store
from gateway.stores.base import Store
from gateway.stores.channel import Channel, NoChannel, first_problem
from gateway.stores.fallback import FallbackStore
from gateway.stores.namespace import NamespacedStore
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.tracing import tracing_of
from gateway.web.fast_path import FastPathCache, LogRequestFactory
from gateway.web.unread_requests import UnreadRequests
from gateway.webhooks.budget_messages import budget_messages

_log = structlog.get_logger()

UtcClock = Callable[[], datetime]
#: Seconds that never go back, and go on while the computer sleeps. Linux' CLOCK_MONOTONIC does not: what was
#: fresh in the evening would be so in the morning. macOS' does.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
monotonic_clock = time.monotonic if _CLOCK is None else partial(time.clock_gettime, _CLOCK)

#: Seconds for the end of the connections to upstreams, before what is then unfinished is counted.
_POOL_SECONDS = 0.3


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@dataclass
class Runtime:
    """State of one process, opened and closed with the application.

    Raises OSError if the address of admin.listen cannot be bound.
    """

    settings: Settings
    transport: httpx.AsyncBaseTransport | None = None
    now: UtcClock = utc_now
    log_request_factory: LogRequestFactory | None = None
    monotonic: Callable[[], float] = monotonic_clock
    #: To the processes that share the store; None: a channel through Redis, if there is one.
    channel: Channel | None = None
    worker: Worker | None = None

    def __post_init__(self) -> None:
        settings = self.settings
        self._pools: list[httpx.AsyncBaseTransport] = []
        self.cautions = find_cautions(settings)
        worker = self.worker
        for caution in self.cautions if worker is None or worker.number == 1 else ():
            _log.warning("configuration", setting=caution.setting, warning=caution.text)
        self.sites = ConfiguredSites(settings)
        self.apps = AppDirectory(settings.apps)
        self._site_settings = site_settings_lookup(settings)
        self._process_secret = worker.process_secret if worker else token_hex()
        self.token_cipher = token_cipher(settings, self._process_secret)
        self.caller_secret = caller_secret(settings, self._process_secret)
        listen = settings.admin.listen
        self._admin_socket = worker.admin_socket if worker else bind(listen) if listen else None
        self.exit_stacks = ExitStacks()
        self.exit_stacks["ledger"].push_async_callback(self._close_ledger)
        self.exit_stack = self.exit_stacks["store"]
        self.store = open_store(settings.cache, self.exit_stack)
        if worker and worker.channel:
            self.channel, self.store = worker.channel, WorkerStore(self.store, worker.channel)
        self._engine_versions: dict[str, EngineVersions] = {}
        self._issue_states: dict[str, IssueStates] = {}
        self.cache_config = self.cache_config_of(settings.upstream)
        self.proved_callers = ProvedCallers(time.monotonic)
        self._create_recorder()
        messages = self.exit_stacks["budget messages"]
        self.budget_messages = budget_messages(settings.budget_webhook, self.metrics, messages)
        messages.push_async_callback(asyncio.to_thread, self.app_usage.stop_notices)
        self.cache_now = SteadyClock(self.now, self.monotonic)
        self.channel = self.channel or open_channel(settings.cache)
        is_shared = self.cache_config.lock_seconds > 0
        fallback = self.store if isinstance(self.store, FallbackStore) else None
        self.counters = InvalidationCounters(
            self.store,
            is_shared=is_shared,
            channel=self.channel,
            is_store_down=lambda: bool(fallback and fallback.is_down),
            now=lambda: self.cache_now().timestamp(),
        )
        if fallback:
            fallback.recovery_listener = self.counters.invalidate_everywhere
        self.outcome_counts = OutcomeCounts()
        self.shape_log = ShapeLog()
        self.remaining_wait = remaining_wait_of(settings)
        self.rewrite_queue = RewriteQueue(self.is_proved_caller, self.remaining_wait)
        self.fast_path_cache = self._create_fast_path_cache()
        self.shutdown = Shutdown()
        #: Set when the server shuts down: polls that are held open end.
        self.has_ended = asyncio.Event()

    def _create_recorder(self) -> None:
        self.metrics = Metrics()
        self.ledger = create_ledger(self.settings)
        self.daily_usage = DailyUsage(self._daily_cap, self.sites)
        self.ledger.set_usage_listener(lambda usage: self.daily_usage.update_from_ledger(usage, self.now()))
        self.metrics.register_caps(self.cap_statuses)
        self.app_usage = app_usage_of(self.settings)
        if self.app_usage.has_budgets:
            self.ledger.follow_apps(self._update_app_usage, self._announce_budgets)
            self.metrics.register_budgets(lambda: self.app_usage.statuses(self.now()))
        self.names = LedgerNames(
            self.proved_callers, configured_names(self.settings), self.daily_usage.has_ledger_line
        )
        labels = site_labels(self.settings, self.sites.ids)
        self.recorder = Recorder(
            self.ledger,
            self.daily_usage,
            self.metrics,
            self.names,
            site_of=self.sites,
            mount_of=labels.mount_of,
            now=self.now,
            app_usage=self.app_usage,
            unread_app=OTHER if self.settings.apps else "",
        )
        self.tracing = tracing_of(self.settings.traces, self.metrics, self.recorder.attribution_of)
        self.access_log = AccessLog(labels, lambda *caller: self.names.caller(*caller).name)
        site_in_path = site_lookup_by_path(labels.place_in, self.sites)
        self.unread = UnreadRequests(self.access_log, self.recorder, self.tracing, site_in_path)

    def _update_app_usage(self, usage: AppUsageByDay) -> None:
        self.app_usage.update_from_ledger(usage, self.now())

    def _announce_budgets(self, claim: Claim) -> None:
        self.app_usage.announce_due(self.now(), claim, self.budget_messages.send)

    def _create_fast_path_cache(self) -> FastPathCache:
        cache = FastPathCache(
            fast_path_bytes(self.settings.cache),
            self.recorder,
            self.monotonic,
            vary_by_peer=bool(self.settings.server.trusted_proxies) or self.apps.varies_by_address,
            vary_by_user_agent=self.apps.varies_by_user_agent,
            outcome_counts=self.outcome_counts,
            log_request_factory=self.log_request_factory,
            access_log=self.access_log,
        )
        cache.watch(self.counters.generation, self.channel or NoChannel())
        return cache

    def store_of(self, upstream: Upstream) -> Store:
        """Part of the store with the state of one upstream, such as its circuits and pauses."""
        return NamespacedStore(self.store, str(upstream.url))

    def engine_versions_of(self, upstream: Upstream) -> EngineVersions:
        """Engines of one upstream's sites."""
        url = str(upstream.url)
        if url not in self._engine_versions:
            store, clock = self.store_of(upstream), lambda: self.now().timestamp()
            self._engine_versions[url] = EngineVersions(store, clock, self._purge_site)
        return self._engine_versions[url]

    def issue_states_of(self, upstream: Upstream) -> IssueStates:
        """States of the known issues at one upstream's sites."""
        url, engines = str(upstream.url), self.engine_versions_of(upstream)
        if url not in self._issue_states:
            self._issue_states[url] = IssueStates(
                self.store_of(upstream),
                lambda: self.now().timestamp(),
                engines.shared_version,
                engines.local_version,
                probed_issues_lookup(self.settings),
            )
        return self._issue_states[url]

    def cache_config_of(self, upstream: Upstream, packs_version: str = "") -> CacheConfig:
        """Cache configuration of one upstream; the version is that of its `Extensions`."""
        version_of = self.engine_versions_of(upstream).shared_version
        config = cache_config(self.settings, self._process_secret, version_of, packs_version)
        return replace(config, is_proved=self.is_proved_caller, apps=self.apps.apps)

    def mount_cache_config_of(self, upstream: MountedUpstream, packs_version: str = "") -> CacheConfig:
        """Cache configuration of a mounted upstream: its own profile, and no callers who share responses."""
        freshness = Freshness(upstream.cache.profile)
        config = self.cache_config_of(upstream, packs_version)
        return replace(config, freshness_of=lambda _: freshness, shared_callers={})

    def policies_of(self, upstream: Upstream) -> RequestPolicies:
        """Policies of the requests to one upstream."""
        version_of = self.engine_versions_of(upstream).local_version
        return RequestPolicies(self.settings, self.caller_secret, version_of, self.proved_callers)

    def is_proved_caller(self, request: FhirRequest) -> bool:
        """Whether the upstream has served the caller of a request."""
        return self.proved_callers.is_proved(caller_of(request))

    def is_proved(self, request: FhirRequest, guid: str) -> bool:
        """Whether the upstream has served the caller of a request, and a site."""
        return self.is_proved_caller(request) and self.proved_callers.is_site_proved(guid)

    def add_pool(self, transport: httpx.AsyncBaseTransport) -> None:
        """Register a connection pool to be closed with the application."""
        self._pools.append(transport)

    @property
    def checks(self) -> Checks:
        """Conditions under which the process should get requests, for /readyz."""
        configuration = partial(self._problem_of, "configuration")
        ledger = {"ledger": self.ledger.lasting_problem} if self.settings.ledger.required else {}
        return {"configuration": configuration, "shutdown": self.shutdown.problem, **ledger}

    @property
    def warnings(self) -> Checks:
        """Degraded dependencies, reported as warnings by /readyz."""
        store = partial(first_problem, self.store, self.channel or NoChannel())
        cautions = {component: partial(self._problem_of, component) for component in ("sites", "dates")}
        return {"store": store, "ledger": self.ledger.problem, **cautions}

    def cap_statuses(self) -> list[CapStatus]:
        """Return today's usage of all caps."""
        return self.daily_usage.cap_statuses(self.now())

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Open the ledger with today's counts; at the end close everything without loss of counts."""
        enter, server = self.exit_stacks.enter, self.settings.server
        try:
            if self._admin_socket:
                await enter("admin port", serve_admin_port(app.state.operators, self._admin_socket, server))
            self.budget_messages.open()
            await asyncio.to_thread(self.ledger.open)
            await enter("traces", self.tracing.export())
            if isinstance(self.channel, AbstractAsyncContextManager):
                await enter("store", self.channel)
            yield
        finally:
            await self.exit_stacks.aclose()

    async def _close_ledger(self) -> None:
        self.fast_path_cache.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(_POOL_SECONDS):
                await asyncio.gather(*(pool.aclose() for pool in self._pools))
        self.recorder.count_unfinished()
        await run_in_own_thread(self.ledger.close)

    async def _problem_of(self, component: str) -> str:
        cautions = (caution for caution in self.cautions if caution.component == component)
        return " ".join(f"{caution.setting}: {caution.text}" for caution in cautions)

    async def _purge_site(self, site: str) -> None:
        await self.counters.increment(site, (ANY_TYPE,))

    def _daily_cap(self, guid: str) -> DailyCap | None:
        caps = self._site_settings(guid).caps
        return DailyCap(caps.queries, caps.bytes, caps.reject_batch) if caps.queries or caps.bytes else None
