"""Between the repairs and the wire: what keeps clients working, and a struggling practice in peace."""

import random
import time
from collections.abc import Callable

from gateway.admin.site_status import CallerNames, UpstreamHandlers
from gateway.exchange import FhirRequest, Handler
from gateway.http.callers import is_background
from gateway.http.callers import ledger_label as digits
from gateway.paging.page_sizer import PageSizer
from gateway.resilience.backoff import ExponentialBackoff, remaining_wait
from gateway.resilience.bulkhead import Bulkhead
from gateway.resilience.circuit_breaker import CircuitBreaker, CircuitRegistry
from gateway.resilience.fair_queue import QueueTicket
from gateway.resilience.pause_rules import PauseRule, keyed_fingerprint
from gateway.resilience.pauses import PauseGate, PauseRegistry
from gateway.resilience.rate_limiter import RateLimiter, RateLimitRecheck
from gateway.resilience.rate_limits import RateLimits
from gateway.resilience.retry import Retry
from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import RetryBudgetPolicy
from gateway.settings import Settings, Upstream
from gateway.settings.resolve import site_settings_lookup
from gateway.sites.directory import SiteDirectory
from gateway.sites.relocation import PmsIdentity, SiteRelocation
from gateway.stores.base import Store

ClientFactory = Callable[[str], Handler]
#: What tells callers with one key apart, as far as they say; it decides whose turn it is and no more.
_FAIRNESS_HEADERS = ("user-agent", "x-forwarded-for")


class ResilienceChain:
    """The handlers around one Halo Connect, and the state they share with other replicas.

    `engine` gives the version of a site's engine by its GUID.
    """

    def __init__(
        self,
        settings: Settings,
        upstream: Upstream,
        store: Store,
        secret: bytes,
        version_of: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._store = store
        self._secret = secret
        self._version_of = version_of
        self._host = upstream.url.host or ""
        self._max_connections = upstream.max_connections
        self._site_settings = site_settings_lookup(settings)
        rules = tuple(PauseRule(**each.model_dump()) for each in settings.pauses.rules)
        breaker, retry = settings.circuit_breaker, settings.retry
        self.retry_budget = RetryBudget(
            store, RetryBudgetPolicy(retry.budget_ratio, retry.budget_min_per_hour), time.time
        )
        self.circuits = CircuitRegistry(
            store,
            ExponentialBackoff(breaker.initial_open_seconds, breaker.max_open_seconds),
            time.time,
            random.random,
        )
        self.pauses = PauseRegistry(store, time.time, rules, secret)
        self.rate_limits = RateLimits(store, time.time, upstream.requests_per_second)
        self._callers = CallerNames()
        self.upstream_handlers: list[UpstreamHandlers] = []

    def build_chain(self, client_for: ClientFactory) -> Handler:
        """What asks: Resized ▸ Paused ▸ Rested ▸ Paced ▸ Bounded ▸ Relocated ▸ Retried ▸ Metered."""
        settings, directory = self._settings, SiteDirectory(client_for("halo-sql"))
        retried = Retry(
            RateLimitRecheck(client_for("halo-connect"), self.rate_limits, self._remaining_wait),
            self.retry_budget,
            ExponentialBackoff(settings.retry.initial_backoff_seconds, settings.retry.max_backoff_seconds),
            self._remaining_wait,
            clock=time.monotonic,
            jitter=random.random,
            retry_on_timeout=settings.retry.retry_on_timeout,
        )
        relocated = SiteRelocation(
            retried, self._store, self._pms_identity, directory.find_successor, time.time
        )
        bounded = Bulkhead(
            relocated,
            settings.bulkhead.max_concurrent,
            settings.bulkhead.max_queue,
            self._remaining_wait,
            self.circuits.require_not_open,
            max_total=self._max_connections,
        )
        paced = RateLimiter(bounded, self.rate_limits, self._queue_ticket, self._remaining_wait)
        paused = PauseGate(CircuitBreaker(paced, self.circuits, directory.is_online), self.pauses)
        resized = PageSizer(
            paused,
            self._store,
            self._max_response_bytes,
            self._engine_version,
            time.time,
            probe_interval=settings.paging.probe_interval_seconds,
        )
        self.upstream_handlers.append(self._collect_handlers(paced, bounded, relocated, resized))
        return resized

    def _collect_handlers(
        self,
        rate_limiter: RateLimiter,
        bulkhead: Bulkhead,
        site_relocation: SiteRelocation,
        page_sizer: PageSizer,
    ) -> UpstreamHandlers:
        kept = self.circuits, self.pauses, self.rate_limits, self.retry_budget
        return UpstreamHandlers(
            self._host, *kept, rate_limiter, bulkhead, site_relocation, page_sizer, self._callers
        )

    def _remaining_wait(self, request: FhirRequest) -> float:
        return remaining_wait(request, self._settings.retry.max_wait_seconds, time.monotonic())

    def _queue_ticket(self, request: FhirRequest) -> QueueTicket:
        """One key may serve many programs, clients and practices: none waits until all of another is done."""
        key, shown = keyed_fingerprint(request, self._secret), digits(request.headers)
        known = self._settings.ledger.callers.get(shown)
        self._callers.remember(key, known.name if known else shown)
        site = request.site.guid if request.site else ""
        who = "\0".join((site, *(request.header(each) for each in _FAIRNESS_HEADERS)))
        return QueueTicket(key, who, bool(known and known.batch) or is_background(request.headers))

    def _pms_identity(self, guid: str) -> PmsIdentity | None:
        found = self._site_settings(guid)
        return PmsIdentity(found.pms_id, found.pms_name, found.follow_relocation) if found.pms_id else None

    def _engine_version(self, request: FhirRequest) -> str:
        return self._version_of(request.site.guid) if request.site else ""

    def _max_response_bytes(self, request: FhirRequest) -> int:
        guid = request.site.guid if request.site else ""
        return self._site_settings(guid).max_response_bytes or self._settings.paging.max_response_bytes
