"""Resilience handlers: those that FHIR and SQL of one upstream share, with one state per key and practice."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from gateway.admin.site_status import UpstreamHandlers
from gateway.builders import RequestPolicies, circuit_registry, pause_registry, retry_budget
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.paging.page_sizer import PageSizer
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.bulkhead import Bulkhead, BulkheadLimits
from gateway.resilience.circuit_breaker import CircuitBreaker
from gateway.resilience.pauses import PauseGate
from gateway.resilience.rate_limiter import RateLimiter, RateLimitRecheck
from gateway.resilience.rate_limits import RateLimits
from gateway.resilience.retry import Retry
from gateway.settings import Upstream
from gateway.sites.directory import SiteDirectory
from gateway.sites.issue_states import IssueStates
from gateway.sites.relocation import SiteRelocation
from gateway.stores.base import Store

#: Returns the innermost handlers of an upstream by the name of a dialect.
ClientFactory = Callable[[str], Handler]


class ResilienceHandlers(NamedTuple):
    """Outermost resilience handlers for FHIR (PageSizer) and for SQL (PauseGate), and their common state."""

    fhir: Handler
    sql: Handler
    state: UpstreamHandlers


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
) -> ResilienceHandlers:
    """Handlers from PageSizer to RateLimitRecheck, with the clients of both dialects of Halo Connect."""
    settings, sql_client = policies.settings, client_for("halo-sql")
    directory, client = SiteDirectory(sql_client), by_interaction(client_for("halo-connect"), sql_client)
    circuits = circuit_registry(settings, store, policies.secret, policies.is_proved)
    pauses = pause_registry(settings, store, policies.secret)
    budget = retry_budget(settings, store, policies.secret)
    rates = RateLimits(store, time.time, upstream.requests_per_second)
    retry = Retry(
        RateLimitRecheck(client, rates, policies.remaining_wait),
        budget,
        ExponentialBackoff(settings.retry.initial_backoff_seconds, settings.retry.max_backoff_seconds),
        policies.remaining_wait,
        policies.proved_caller,
        clock=time.monotonic,
        jitter=random.random,
        retry_on_timeout=settings.retry.retry_on_timeout,
    )
    relocation = SiteRelocation(
        retry, store, policies.pms_identity, directory.find_successor, time.time, policies.secret
    )
    bulkhead = Bulkhead(
        relocation,
        BulkheadLimits(
            settings.bulkhead.max_concurrent, settings.bulkhead.max_queue, upstream.max_connections
        ),
        policies.remaining_wait,
        policies.proved_caller,
        circuits.require_not_open,
    )
    limiter = RateLimiter(bulkhead, rates, policies.queue_ticket, policies.remaining_wait)
    gate = PauseGate(CircuitBreaker(limiter, circuits, directory.is_online), pauses)
    sizer = PageSizer(
        gate,
        store,
        policies.max_response_bytes,
        policies.engine_version,
        time.time,
        policies.secret,
        probe_interval=settings.paging.probe_interval_seconds,
    )
    host = upstream.url.host or ""
    handlers = UpstreamHandlers(
        host,
        circuits,
        pauses,
        rates,
        budget,
        limiter,
        bulkhead,
        relocation,
        sizer,
        policies.caller_names,
        issue_states,
    )
    return ResilienceHandlers(sizer, gate, handlers)
