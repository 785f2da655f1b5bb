"""Handlers of mounted upstreams that are no Halo Connect: resilience and cache. The upstream is one site."""

import time
from functools import partial
from typing import NamedTuple

from gateway.admin.upstream_handlers import UpstreamHandlers
from gateway.cache.freshness import is_unstored_read
from gateway.cache.mount_invalidation import MountInvalidation, mounts_at_origin
from gateway.cache.response_cache import CacheBypass, CacheOutcomeCounter, ResponseCache
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.http.callers import keyed_hash
from gateway.ledger.spending_gate import SpendingGate
from gateway.resilience.bulkhead import Bulkhead
from gateway.resilience.circuit import UPSTREAM_CIRCUIT_OPEN, CircuitNames, shows_an_outage_of_all
from gateway.resilience.circuit_breaker import CircuitBreaker, CircuitRegistry
from gateway.resilience.pauses import PauseGate
from gateway.resilience.quota_headers import QuotaHeaders, endpoint_of
from gateway.resilience.rate_limiter import RateLimiter
from gateway.resilience.rate_limits import RateLimits
from gateway.resilience.rate_windows import RateWindows
from gateway.resilience.retry_policy import NO_RETRY_LIMIT
from gateway.resilience.sign_in import address_of, address_ticket, is_anonymous, is_sign_in
from gateway.resilience.wait_deadline import WaitDeadline
from gateway.resilience_handlers import (
    ClientFactory,
    bulkhead_limits,
    bulkhead_of,
    handlers_of,
    shared_state,
    with_retries,
)
from gateway.runtime import Runtime
from gateway.settings import MountedUpstream
from gateway.stores.base import Store

_QUEUE_FULL_TEXT = "Too many concurrent requests for this upstream. Retry after the time in Retry-After."


class MountHandlers(NamedTuple):
    """Outermost resilience handler of a mounted upstream, and the state of all."""

    handler: Handler
    state: UpstreamHandlers


class MountCircuits(CircuitRegistry):
    """Circuits of a mounted upstream: its callers share no database that one of them could slow down.

    Nor does an endpoint that fails, such as a large report, say anything about the caller's other requests.
    """

    is_shared_evidence = staticmethod(shows_an_outage_of_all)
    open_kind = UPSTREAM_CIRCUIT_OPEN

    def names_of(self, request: FhirRequest, site: Site) -> CircuitNames:
        """Names of the circuits of a request, with that of its endpoint."""
        names = super().names_of(request, site)
        endpoint = keyed_hash(_endpoint_of(request), self._secret)
        return names._replace(endpoint=f"{names.caller}:{endpoint}")


def _endpoint_of(request: FhirRequest) -> str:
    """Endpoint of a request: of FHIR, or the first two segments of any other path, such as `api/report`."""
    is_fhir = request.interaction.code != "other"
    return endpoint_of(request) if is_fhir else "/".join(request.path.lower().split("/")[:2])


def mount_handlers(runtime: Runtime, upstream: MountedUpstream, client_for: ClientFactory) -> MountHandlers:
    """Handlers from WaitDeadline to QuotaHeaders, with the upstream's client.

    A request for a token passes a bulkhead of its own only, and one without a credential is paced by the
    client's address: whoever has no credential stops no caller who has one.
    """
    policies, client = runtime.policies_of(upstream), client_for(upstream.dialect)
    store, dialect = runtime.store_of(upstream), upstream.resolved_dialect
    by_endpoint = dialect.limits.rate_scope == "endpoint"
    state = shared_state(store, policies, rate_limits_of(store, upstream), MountCircuits, own_pause_rules=())
    sender = QuotaHeaders(client, state.rate_limits) if by_endpoint else client
    # Each repeat takes a place of a rate that lasts for minutes.
    max_repeats = 1 if upstream.rate_windows else NO_RETRY_LIMIT
    retry = with_retries(sender, state, policies, dialect.idempotency_header, max_repeats)
    bulkhead = bulkhead_of(retry, upstream, policies, state, _QUEUE_FULL_TEXT)
    ticket_of = partial(policies.mount_ticket, by_endpoint=by_endpoint)
    limiter = RateLimiter(bulkhead, state.rate_limits, ticket_of, policies.remaining_wait)
    gate = SpendingGate(PauseGate(CircuitBreaker(limiter, state.circuits), state.pauses), runtime.recorder)
    sign_in = Bulkhead(
        client,
        bulkhead_limits(runtime.settings, upstream),
        policies.remaining_wait,
        address_of,
        full_text=_QUEUE_FULL_TEXT,
    )
    max_wait = runtime.settings.retry.max_wait_seconds
    handlers = handlers_of(upstream, state, limiter, bulkhead, policies, runtime.issue_states_of(upstream))
    anonymous = RateLimiter(
        sign_in, state.rate_limits, partial(address_ticket, secret=policies.secret), policies.remaining_wait
    )
    handler = by_sign_in(gate, anonymous, sign_in, dialect.token_path)
    return MountHandlers(WaitDeadline(handler, max_wait, time.monotonic), handlers)


def rate_limits_of(store: Store, upstream: MountedUpstream) -> RateLimits:
    """Rates of a mounted upstream; those that its vendor documents are not learned from its refusals."""
    windows = RateWindows(store, time.time, upstream.rate_windows) if upstream.rate_windows else None
    is_known = windows is not None or upstream.resolved_dialect.limits.rate_scope == "endpoint"
    return RateLimits(store, time.time, upstream.requests_per_second, windows, lowers_rates=not is_known)


def by_sign_in(handler: Handler, anonymous: Handler, sign_in: Handler, token_path: str) -> Handler:
    """Return a handler that sends requests for a token to `sign_in`, and those of callers to `handler`."""

    async def send(request: FhirRequest) -> FhirResponse:
        if is_sign_in(request, token_path):
            return await sign_in(request)
        return await (anonymous if is_anonymous(request) else handler)(request)

    return send


def with_mount_cache(
    handler: Handler, runtime: Runtime, upstream: MountedUpstream, packs_version: str = ""
) -> tuple[Handler, ResponseCache | None]:
    """Wrap a handler in the cache that the mount has, or in CacheBypass."""
    bypass = CacheBypass(handler)
    if upstream.cache.profile == "off":
        return bypass, None
    config = runtime.mount_cache_config_of(upstream, packs_version)
    cache = ResponseCache(handler, runtime.store, config, runtime.cache_now, runtime.counters)
    return by_storability(CacheOutcomeCounter(cache, runtime.outcome_counts), bypass), cache


def with_invalidation(handler: Handler, runtime: Runtime, upstream: MountedUpstream) -> Handler:
    """Wrap a handler in MountInvalidation if a mount of the same upstream has a cache."""
    mounts = runtime.settings.upstreams.items()
    urls = {name: str(mount.url) for name, mount in mounts if mount.cache.profile != "off"}
    names = mounts_at_origin(urls, str(upstream.url))
    return MountInvalidation(handler, runtime.counters, names, runtime.is_proved_caller) if names else handler


def by_resource(fhir: Handler, other: Handler) -> Handler:
    """Return a handler that sends what is no FHIR, such as a download or a token, to `other`."""

    async def send(request: FhirRequest) -> FhirResponse:
        return await (other if request.interaction.code == "other" else fhir)(request)

    return send


def by_storability(cache: Handler, bypass: Handler) -> Handler:
    """Return a handler that sends reads of documents, and those that may come later, past the cache."""

    async def send(request: FhirRequest) -> FhirResponse:
        return await (bypass if is_unstored_read(request) else cache)(request)

    return send
