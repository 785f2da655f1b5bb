"""Resilience handlers: those that FHIR and SQL of one upstream share, with one state per key and site."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from gateway.admin.upstream_handlers import PracticeHandlers, UpstreamHandlers
from gateway.builders import RequestPolicies, circuit_registry, pause_registry, retry_budget
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.ledger.recorder import Recorder
from gateway.ledger.spending_gate import SpendingGate
from gateway.paging.page_sizer import PageSizer
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.bulkhead import QUEUE_FULL_TEXT, Bulkhead, BulkheadLimits
from gateway.resilience.circuit_breaker import CircuitBreaker, CircuitRegistry
from gateway.resilience.pause_rules import RULES, PauseRule
from gateway.resilience.pauses import PauseGate, PauseRegistry
from gateway.resilience.rate_limiter import RateLimiter, RateLimitRecheck
from gateway.resilience.rate_limits import RateLimits
from gateway.resilience.retry import Retry
from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import NO_RETRY_LIMIT
from gateway.settings import Settings, Upstream
from gateway.sites.directory import SiteDirectory
from gateway.sites.issue_states import IssueStates
from gateway.sites.relocation import SiteRelocation
from gateway.stores.base import Store

#: Returns the innermost handlers of an upstream by the name of a dialect.
ClientFactory = Callable[[str], Handler]


class ResilienceHandlers(NamedTuple):
    """Outermost handlers for FHIR (PageSizer) and for SQL (SpendingGate), and their common state."""

    fhir: Handler
    sql: Handler
    state: UpstreamHandlers


class SharedState(NamedTuple):
    """What the resilience handlers of one upstream know, shared through the store."""

    circuits: CircuitRegistry
    pauses: PauseRegistry
    retry_budget: RetryBudget
    rate_limits: RateLimits


def by_interaction(fhir: Handler, sql: Handler) -> Handler:
    """Return a handler that sends SQL requests to one handler and all others to the other."""

    async def send(request: FhirRequest) -> FhirResponse:
        return await (sql if request.interaction.code == "sql" else fhir)(request)

    return send


def with_resilience(
    store: Store,
    upstream: Upstream,
    client_for: ClientFactory,
    policies: RequestPolicies,
    issue_states: IssueStates,
    recorder: Recorder,
) -> ResilienceHandlers:
    """Handlers from PageSizer to RateLimitRecheck, with the clients of both dialects of Halo Connect."""
    sql_client = client_for("halo-sql")
    directory, client = SiteDirectory(sql_client), by_interaction(client_for("halo-connect"), sql_client)
    state = shared_state(store, policies, RateLimits(store, time.time, upstream.requests_per_second))
    relocation = _site_relocation(with_retries(client, state, policies), store, policies, directory)
    bulkhead = bulkhead_of(relocation, upstream, policies, state)
    limiter = RateLimiter(bulkhead, state.rate_limits, policies.queue_ticket, policies.remaining_wait)
    gate = PauseGate(CircuitBreaker(limiter, state.circuits, directory.is_online), state.pauses)
    spending = SpendingGate(gate, recorder)
    sizer = _page_sizer(spending, store, policies)
    practices = PracticeHandlers(relocation, sizer)
    handlers = handlers_of(upstream, state, limiter, bulkhead, policies, issue_states)
    return ResilienceHandlers(sizer, spending, replace(handlers, practices=practices))


def shared_state(
    store: Store,
    policies: RequestPolicies,
    rates: RateLimits,
    registry: type[CircuitRegistry] = CircuitRegistry,
    own_pause_rules: Sequence[PauseRule] = RULES,
) -> SharedState:
    """State of the handlers of one upstream in its part of the store; the pause rules are Halo Connect's."""
    settings, secret = policies.settings, policies.secret
    return SharedState(
        circuit_registry(settings, store, secret, policies.is_proved, registry),
        pause_registry(settings, store, secret, own_pause_rules),
        retry_budget(settings, store, secret),
        rates,
    )


def with_retries(
    client: Handler,
    state: SharedState,
    policies: RequestPolicies,
    idempotency_header: str = "",
    max_repeats: int = NO_RETRY_LIMIT,
) -> Retry:
    """Wrap a client in Retry and RateLimitRecheck."""
    options = policies.settings.retry
    return Retry(
        RateLimitRecheck(client, state.rate_limits, policies.remaining_wait),
        state.retry_budget,
        ExponentialBackoff(options.initial_backoff_seconds, options.max_backoff_seconds),
        policies.remaining_wait,
        policies.proved_caller,
        now=lambda: datetime.fromtimestamp(time.time(), UTC),
        jitter=random.random,
        retry_on_timeout=options.retry_on_timeout,
        idempotency_header=idempotency_header,
        max_repeats=max_repeats,
    )


def bulkhead_limits(settings: Settings, upstream: Upstream) -> BulkheadLimits:
    """Limits of the requests that an upstream runs at once."""
    options = settings.bulkhead
    return BulkheadLimits(options.max_concurrent, options.max_queue, upstream.max_connections)


def bulkhead_of(
    inner: Handler,
    upstream: Upstream,
    policies: RequestPolicies,
    state: SharedState,
    full_text: str = QUEUE_FULL_TEXT,
) -> Bulkhead:
    """Bulkhead of an upstream, which checks the circuits again after a wait."""
    limits, admit = bulkhead_limits(policies.settings, upstream), state.circuits.require_not_open
    return Bulkhead(inner, limits, policies.remaining_wait, policies.proved_caller, admit, full_text)


def handlers_of(
    upstream: Upstream,
    state: SharedState,
    limiter: RateLimiter,
    bulkhead: Bulkhead,
    policies: RequestPolicies,
    issue_states: IssueStates,
) -> UpstreamHandlers:
    """Handlers of an upstream whose state operators see."""
    return UpstreamHandlers(
        upstream.url.host or "",
        state.circuits,
        state.pauses,
        state.rate_limits,
        state.retry_budget,
        limiter,
        bulkhead,
        policies.caller_names,
        issue_states,
    )


def _site_relocation(
    inner: Handler, store: Store, policies: RequestPolicies, directory: SiteDirectory
) -> SiteRelocation:
    find_successor = directory.find_successor
    return SiteRelocation(inner, store, policies.pms_identity, find_successor, time.time, policies.secret)


def _page_sizer(inner: Handler, store: Store, policies: RequestPolicies) -> PageSizer:
    return PageSizer(
        inner,
        store,
        policies.max_response_bytes,
        policies.engine_version,
        time.time,
        policies.secret,
        probe_interval=policies.settings.paging.probe_interval_seconds,
    )
