"""HTTP response cache with request coalescing, stale responses and write invalidation (RFC 9111)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from gateway.cache.caller_access import AccessRecorder, CallerAccess
from gateway.cache.directives import request_directives
from gateway.cache.forecast import CacheForecast, forecast, is_hit
from gateway.cache.freshness import ANY_TYPE, can_signal_staleness, written_types
from gateway.cache.invalidation import InvalidationCounters
from gateway.cache.lookup import CacheConfig, CacheLookup, lookup_for
from gateway.cache.patient_tags import ANY_PATIENT
from gateway.cache.response_store import FetchResult, ResponseStore
from gateway.cache.stored_response import (
    StoredResponse,
    is_unreachable,
    mark_stale,
    without_cache_headers,
    without_exchange_headers,
)
from gateway.cache.validators import has_gateway_etag, not_modified, with_weak_etag, without_validators
from gateway.cache_validity import CacheValidity
from gateway.errors.catalog import ETAG_WITHOUT_VERSION, NOT_CACHED
from gateway.errors.failure import Failure
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler, Site, may_write
from gateway.http.cache_status import (
    CacheStatus,
    ForwardReason,
    cache_outcome,
    forward_status,
    with_cache_status,
    with_own_cache_status,
)
from gateway.stores.base import Store
from gateway.stores.single_flight import SingleFlight


class ResponseCache:
    """Serves stored responses while they are fresh, and coalesces identical concurrent requests.

    `inner` handles the upstream request. `counters` are shared with other caches on the same store, if any.
    """

    def __init__(
        self,
        inner: Handler,
        store: Store,
        config: CacheConfig,
        now: Callable[[], datetime],
        counters: InvalidationCounters | None = None,
    ) -> None:
        counters = counters or InvalidationCounters(store, is_shared=config.lock_seconds > 0)
        self._access = CallerAccess(
            store, counters, config.shared_callers, config.secret, lambda: now().timestamp()
        )
        self._inner = AccessRecorder(inner, self._access)
        self._config = config
        self._now = now
        self._store = ResponseStore(self._inner, store, config, now, counters)
        self._fetches = SingleFlight[FetchResult](config.max_detached_fetches)
        self._lookups = SingleFlight[StoredResponse | None](config.max_detached_fetches)
        self._writes: set[asyncio.Task[FhirResponse]] = set()

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the response with the field Cache-Status (RFC 9211). Raises Failure."""
        if request.site is None:
            return await CacheBypass(self._inner)(request)
        if may_write(request):
            return await _pass_through(request, "method", self._handle_write)
        lookup = await self._lookup_of(request, request.site)
        if lookup and not lookup.directives.no_store:
            return await self._serve_lookup(lookup)
        if request_directives(request).only_if_cached:
            raise _not_stored_failure()
        response = await _pass_through(request, "request" if lookup else "bypass", self._inner)
        return without_validators(response) if request.interaction.is_pageable else with_weak_etag(response)

    async def forecast(self, request: FhirRequest) -> CacheForecast:
        """Return what the cache would do with a search, without a fetch."""
        lookup = await self._lookup_of(request, request.site) if request.site else None
        stored = await self._read_stored(lookup) if lookup else None
        is_stale = bool(lookup and stored and self._may_revalidate(lookup, stored))
        return forecast(lookup, stored, self._now().timestamp(), may_serve_stale=is_stale)

    async def purge(self, site: str, tags: Sequence[str] = (ANY_TYPE,)) -> None:
        """Invalidate the stored responses of a site (Halo GUID) that depend on these tags."""
        await self._store.counters.increment(site, tags)

    @property
    def fetches_in_flight(self) -> int:
        """Number of upstream requests in flight."""
        return self._fetches.call_count

    async def _lookup_of(self, request: FhirRequest, site: Site) -> CacheLookup | None:
        version = await self._config.version_of(site)
        if self._config.freshness_of(site).profile == "off":
            return None
        access = await self._access.access_of(request, site.guid)
        return lookup_for(request, site, self._config, version, access, self._store.spellings)

    async def _serve_lookup(self, lookup: CacheLookup) -> FhirResponse:
        stored = await self._read_stored(lookup)
        if stored and is_hit(lookup, stored, self._age_of(stored)):
            return self._stored_response(lookup, stored)
        if lookup.directives.only_if_cached:
            raise _not_stored_failure()
        if stored and self._may_revalidate(lookup, stored):
            self._fetches.run_detached(
                lookup.key, partial(self._store.fetch, lookup, stored), self._version_function(lookup)
            )
            return self._stored_response(lookup, stored, "revalidating")
        return await self._fetch_or_stale(lookup, stored)

    async def _read_stored(self, lookup: CacheLookup) -> StoredResponse | None:
        """Return the stored response. With a shared store, coalesce concurrent lookups of one key.

        Hundreds of concurrent reads would exceed the store's time limit, and a late store counts as down. A
        read that began earlier is not joined, because it may miss a write of another replica.
        """
        if not self._config.lock_seconds:
            return await self._store.get(lookup)
        stored, _ = await self._lookups.run(
            lookup.key, partial(self._store.get, lookup), self._version_function(lookup), max_age=0
        )
        return stored

    async def _fetch_or_stale(self, lookup: CacheLookup, entry: StoredResponse | None) -> FhirResponse:
        """Fetch a response; if the practice is unreachable, return the stale one where permitted."""
        forward = self._forward_reason(lookup, entry)
        fetched, collapsed = await self._fetch_coalesced(lookup, entry)
        use = NO_USE if collapsed else fetched.response.upstream_use
        if isinstance(fetched.response, Failure):
            failure = fetched.response.with_upstream_use(use)
            if (
                entry
                and is_unreachable(failure)
                and self._may_serve_stale(lookup, entry, entry.stale_if_error)
            ):
                return self._stored_response(lookup, entry, "practice-away").with_upstream_use(use)
            raise with_cache_status(failure, forward_status(failure, forward, collapsed=collapsed))
        strip = without_exchange_headers if collapsed else without_cache_headers
        response = strip(fetched.response).with_upstream_use(use)
        status = CacheStatus(forward, status=response.status, stored=fetched.is_stored, collapsed=collapsed)
        return self._with_cache_headers(lookup.request, response, status)

    async def _fetch_coalesced(
        self, lookup: CacheLookup, entry: StoredResponse | None
    ) -> tuple[FetchResult, bool]:
        """Fetch once for all concurrent requests; return the result and whether another request fetched it.

        What does not apply to this request is not shared: it fetches for itself, and waits for nobody again.
        """
        asked_at, fetch = self._now().timestamp(), partial(self._store.fetch, lookup, entry)
        fetched, is_joined = await self._run_single_flight(lookup, lookup.fetch_key, fetch)
        if is_joined and not fetched.applies_to(lookup, asked_at):
            fetch_alone = partial(self._store.fetch_alone, lookup)
            fetched, is_joined = await self._run_single_flight(lookup, lookup.own_fetch_key, fetch_alone)
        return fetched, is_joined or fetched.is_collapsed

    async def _run_single_flight(
        self, lookup: CacheLookup, key: str, fetch: Callable[[], Awaitable[FetchResult]]
    ) -> tuple[FetchResult, bool]:
        return await self._fetches.run(key, fetch, self._version_function(lookup), lookup.joinable_age)

    def _stored_response(self, lookup: CacheLookup, entry: StoredResponse, detail: str = "") -> FhirResponse:
        age = self._age_of(entry)
        fresh_until = lookup.fresh_until(entry, age)
        detail = lookup.purpose if entry.lifetime <= age < fresh_until else detail
        status = CacheStatus(ttl=int(fresh_until - age), detail=detail)
        response = entry.response
        if isinstance(response, Failure):
            raise with_cache_status(response, status, age=int(age))
        if age >= fresh_until:
            requested_at = datetime.fromtimestamp(entry.requested_at, UTC)
            response = mark_stale(response, requested_at.isoformat(timespec="seconds"))
        else:
            validity = self._validity(lookup, entry, fresh_until)
            response = response.replace(cache_validity=validity._replace(detail=detail))
        return self._with_cache_headers(lookup.request, response.with_header("age", str(int(age))), status)

    def _validity(self, lookup: CacheLookup, entry: StoredResponse, fresh_until: float) -> CacheValidity:
        counters, is_shared = self._store.counters, self._config.lock_seconds > 0
        expires_at = lookup.end_of_access(entry.requested_at + fresh_until)
        return CacheValidity(
            self._age_of(entry),
            expires_at - self._now().timestamp(),
            lookup.access.is_unchanged,
            partial(counters.is_current, lookup.site, entry.counters) if is_shared else None,
        )

    def _with_cache_headers(
        self, request: FhirRequest, response: FhirResponse, status: CacheStatus
    ) -> FhirResponse:
        response = response.with_header("cache-status", status.header_value)
        response = response.with_header("cache-control", self._config.cache_control_of(response.status))
        return not_modified(request, response) or response

    def _may_revalidate(self, lookup: CacheLookup, entry: StoredResponse) -> bool:
        return self._may_serve_stale(lookup, entry, entry.stale_while_revalidate)

    def _may_serve_stale(self, lookup: CacheLookup, entry: StoredResponse, max_staleness: float) -> bool:
        """Whether a stale response may be served, at most `max_staleness` seconds past its lifetime."""
        age = self._age_of(entry)
        is_permitted = lookup.directives.permits_stale(age) and can_signal_staleness(lookup.request)
        return is_permitted and entry.lifetime <= age < entry.lifetime + max_staleness

    def _forward_reason(self, lookup: CacheLookup, entry: StoredResponse | None) -> ForwardReason:
        if lookup.directives.no_cache or (entry and self._age_of(entry) < entry.lifetime):
            return "request"
        return "stale" if entry else "uri-miss"

    def _version_function(self, lookup: CacheLookup) -> Callable[[], object]:
        return lambda: self._store.counters.local_marks(lookup.site, lookup.types | {ANY_PATIENT})

    def _age_of(self, entry: StoredResponse) -> float:
        return entry.age(self._now().timestamp())

    async def _handle_write(self, request: FhirRequest) -> FhirResponse:
        """Send a write, which continues after its client has disconnected, so that it invalidates."""
        if has_gateway_etag(request):
            raise Failure(ETAG_WITHOUT_VERSION)
        return await asyncio.shield(self._start_write(request))

    def _start_write(self, request: FhirRequest) -> asyncio.Task[FhirResponse]:
        task = asyncio.get_running_loop().create_task(self._write_and_invalidate(request))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    async def _write_and_invalidate(self, request: FhirRequest) -> FhirResponse:
        """Invalidate before and after a write; a refused caller, such as a made-up key, ends nothing."""
        site, types = request.site.guid if request.site else "", written_types(request)
        if self._config.is_proved(request):
            await self._store.counters.increment(site, types)
        may_have_run = True
        try:
            return await self._inner(request)
        except Failure as failure:
            may_have_run = failure.kind.may_have_run
            raise
        finally:
            if may_have_run:
                await self._store.counters.increment(site, types)


class CacheBypass:
    """Passes requests through and sets the Cache-Status of a bypassed cache."""

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response. Raises Failure."""
        return await _pass_through(request, "method" if may_write(request) else "bypass", self._inner)


async def _pass_through(request: FhirRequest, forward: ForwardReason, inner: Handler) -> FhirResponse:
    """Return the inner response with Cache-Status, without storing it. Raises Failure."""
    try:
        response = await inner(request)
    except Failure as failure:
        raise with_cache_status(failure, forward_status(failure, forward)) from failure
    is_empty = request.plan.split_searches == ()
    status = CacheStatus("", detail="empty") if is_empty else CacheStatus(forward, status=response.status)
    return with_own_cache_status(response, status)


def _not_stored_failure() -> Failure:
    return with_cache_status(Failure(NOT_CACHED), CacheStatus("", detail=NOT_CACHED.code))


#: Resource type (may be empty) and outcome -> number of requests.
OutcomeCounts = Counter[tuple[str, str]]


class CacheOutcomeCounter:
    """Counts the outcomes of the cache, which it reads from Cache-Status."""

    def __init__(self, inner: Handler, outcome_counts: OutcomeCounts) -> None:
        self._inner = inner
        self._outcome_counts = outcome_counts

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, unchanged. Raises Failure."""
        try:
            response = await self._inner(request)
        except Failure as failure:
            self._count_outcome(request, dict(failure.headers).get("cache-status", ""), failure.kind.status)
            raise
        self._count_outcome(request, response.header("cache-status"), response.status)
        return response

    def _count_outcome(self, request: FhirRequest, cache_status: str, status: int) -> None:
        if outcome := cache_outcome(cache_status, status):
            self._outcome_counts[request.interaction.type, outcome] += 1
