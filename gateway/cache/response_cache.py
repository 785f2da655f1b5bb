"""Answers from memory what was asked a moment ago, and asks once what many ask at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from gateway.cache.directives import request_directives
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
from gateway.cache.validators import has_gateway_etag, not_modified
from gateway.errors.catalog import ETAG_WITHOUT_VERSION, NOT_CACHED
from gateway.errors.failure import Failure
from gateway.exchange import CacheValidity, FhirRequest, FhirResponse, Handler, may_write
from gateway.http.cache_status import (
    CacheStatus,
    ForwardReason,
    cache_outcome,
    forward_status,
    with_cache_status,
)
from gateway.stores.base import Store
from gateway.stores.single_flight import SingleFlight


class ResponseCache:
    """One upstream query for equal questions at once, and for as long as their answer is fresh."""

    def __init__(
        self,
        inner: Handler,
        store: Store,
        config: CacheConfig,
        now: Callable[[], datetime],
        counters: InvalidationCounters | None = None,
    ) -> None:
        self._inner = inner
        self._config = config
        self._now = now
        self._store = ResponseStore(inner, store, config, now, counters)
        self._fetches = SingleFlight[FetchResult](config.max_detached_fetches)
        self._lookups = SingleFlight[StoredResponse | None](config.max_detached_fetches)
        self._writes: set[asyncio.Task[FhirResponse]] = set()

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer, with what the cache did in Cache-Status. Raises Failure."""
        if request.site is None:
            return await CacheBypass(self._inner)(request)
        if may_write(request):
            return await _pass_through(request, "method", self._handle_write)
        version = await self._config.version_of(request.site)
        asked = lookup_for(request, request.site, self._config, version)
        if asked and not asked.directives.no_store:
            return await self._serve_lookup(asked)
        if request_directives(request).only_if_cached:
            raise _not_stored_failure()
        return await _pass_through(request, "request" if asked else "bypass", self._inner)

    async def purge(self, site: str, tags: Sequence[str] = (ANY_TYPE,)) -> None:
        """Let nothing kept of a site (Halo GUID) that depends on these counters be served again."""
        await self._store.counters.increment(site, tags)

    @property
    def fetches_in_flight(self) -> int:
        """Queries under way now."""
        return self._fetches.call_count

    async def _serve_lookup(self, lookup: CacheLookup) -> FhirResponse:
        stored = await self._read_stored(lookup)
        if stored and lookup.directives.permits(self._age_of(stored), stored.lifetime, stored.stale_if_error):
            return self._stored_response(lookup, stored)
        if lookup.directives.only_if_cached:
            raise _not_stored_failure()
        if stored and self._may_serve_stale(lookup, stored, stored.stale_while_revalidate):
            self._fetches.run_detached(
                lookup.key, self._fetch_function(lookup, stored), self._version_function(lookup)
            )
            return self._stored_response(lookup, stored, "revalidating")
        return await self._fetch_or_stale(lookup, stored)

    async def _read_stored(self, lookup: CacheLookup) -> StoredResponse | None:
        """What is kept. Where others share the store, all who ask during one look share the next.

        Hundreds of looks at once would take it longer than it may, and a store that is late counts as away;
        a look that had begun before may not know of a write elsewhere.
        """
        if not self._config.lock_seconds:
            return await self._store.get(lookup)
        look = partial(self._store.get, lookup)
        return (await self._lookups.run(lookup.key, look, self._version_function(lookup), require_new=True))[
            0
        ]

    async def _fetch_or_stale(self, lookup: CacheLookup, entry: StoredResponse | None) -> FhirResponse:
        """What the upstream says now; what it said before, where that is allowed while it is away."""
        forward = self._forward_reason(lookup, entry)
        fetched, collapsed = await self._fetch_coalesced(lookup, entry)
        if isinstance(fetched.response, Failure):
            if (
                entry
                and is_unreachable(fetched.response)
                and self._may_serve_stale(lookup, entry, entry.stale_if_error)
            ):
                return self._stored_response(lookup, entry, "practice-away")
            raise with_cache_status(
                fetched.response, forward_status(fetched.response, forward, collapsed=collapsed)
            )
        response = (
            without_exchange_headers(fetched.response)
            if collapsed
            else without_cache_headers(fetched.response)
        )
        received = HTTPStatus.NOT_MODIFIED if fetched.is_revalidated else response.status
        status = CacheStatus(forward, status=received, stored=fetched.is_stored, collapsed=collapsed)
        return self._with_cache_headers(lookup.request, response, status)

    async def _fetch_coalesced(
        self, lookup: CacheLookup, entry: StoredResponse | None
    ) -> tuple[FetchResult, bool]:
        """What one query for all gave, and whether somebody else's did; not what only they are refused."""
        fetched, joined = await self._run_single_flight(lookup, lookup.key, entry)
        if joined and not fetched.applies_to(lookup.caller_fingerprint):
            fetched, joined = await self._run_single_flight(
                lookup, f"{lookup.key} {lookup.caller_fingerprint}", entry
            )
        return fetched, joined or fetched.is_collapsed

    async def _run_single_flight(
        self, lookup: CacheLookup, key: str, entry: StoredResponse | None
    ) -> tuple[FetchResult, bool]:
        ask, mark = self._fetch_function(lookup, entry), self._version_function(lookup)
        return await self._fetches.run(key, ask, mark, require_new=lookup.directives.requires_new_fetch)

    def _stored_response(self, lookup: CacheLookup, entry: StoredResponse, detail: str = "") -> FhirResponse:
        age = self._age_of(entry)
        status = CacheStatus(ttl=int(entry.lifetime - age), detail=detail)
        response = entry.response
        if isinstance(response, Failure):
            raise with_cache_status(response, status, age=int(age))
        if age >= entry.lifetime:
            response = mark_stale(
                response, datetime.fromtimestamp(entry.requested_at, UTC).isoformat(timespec="seconds")
            )
        else:
            response = response.replace(cache_validity=self._validity(lookup, entry))
        return self._with_cache_headers(lookup.request, response.with_header("age", str(int(age))), status)

    def _validity(self, lookup: CacheLookup, entry: StoredResponse) -> CacheValidity:
        generations = self._store.counters
        shared = self._config.lock_seconds > 0
        current = partial(generations.is_current, lookup.site, entry.counters) if shared else None
        return CacheValidity(
            entry.requested_at,
            entry.requested_at + entry.lifetime,
            generations.local_change_check(lookup.site),
            current,
        )

    def _with_cache_headers(
        self, request: FhirRequest, response: FhirResponse, status: CacheStatus
    ) -> FhirResponse:
        told = response.with_header("cache-status", status.header_value)
        told = told.with_header("cache-control", self._config.client_cache_control)
        return not_modified(request, told) or told

    def _may_serve_stale(self, lookup: CacheLookup, entry: StoredResponse, max_staleness: float) -> bool:
        """Whether an answer past its lifetime may still be given, within so many seconds more."""
        age = self._age_of(entry)
        taken = lookup.directives.permits_stale(age) and can_signal_staleness(lookup.request)
        return taken and entry.lifetime <= age < entry.lifetime + max_staleness

    def _forward_reason(self, lookup: CacheLookup, entry: StoredResponse | None) -> ForwardReason:
        if lookup.directives.no_cache or (entry and self._age_of(entry) < entry.lifetime):
            return "request"
        return "stale" if entry else "uri-miss"

    def _fetch_function(
        self, lookup: CacheLookup, entry: StoredResponse | None
    ) -> Callable[[], Awaitable[FetchResult]]:
        return lambda: self._store.fetch(lookup, entry)

    def _version_function(self, lookup: CacheLookup) -> Callable[[], object]:
        return lambda: self._store.counters.local_marks(lookup.site, lookup.types | {ANY_PATIENT})

    def _age_of(self, entry: StoredResponse) -> float:
        return entry.age(self._now().timestamp())

    async def _handle_write(self, request: FhirRequest) -> FhirResponse:
        """The answer to a write, which goes on when its client leaves: what it changed must be known."""
        if has_gateway_etag(request):
            raise Failure(ETAG_WITHOUT_VERSION)
        return await asyncio.shield(self._start_write(request))

    def _start_write(self, request: FhirRequest) -> asyncio.Task[FhirResponse]:
        task = asyncio.get_running_loop().create_task(self._write_and_invalidate(request))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    async def _write_and_invalidate(self, request: FhirRequest) -> FhirResponse:
        site, changed = request.site.guid if request.site else "", written_types(request)
        await self._store.counters.increment(site, changed)
        try:
            return await self._inner(request)
        finally:
            await self._store.counters.increment(site, changed)


class CacheBypass:
    """Says that the cache has no part in what passes here."""

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer."""
        return await _pass_through(request, "method" if may_write(request) else "bypass", self._inner)


async def _pass_through(request: FhirRequest, forward: ForwardReason, inner: Handler) -> FhirResponse:
    """What the cache has no part in."""
    try:
        response = without_cache_headers(await inner(request))
    except Failure as failure:
        raise with_cache_status(failure, forward_status(failure, forward)) from failure
    empty = request.split_searches == ()
    status = CacheStatus("", detail="empty") if empty else CacheStatus(forward, status=response.status)
    return response.with_header("cache-status", status.header_value)


def _not_stored_failure() -> Failure:
    failure = Failure(NOT_CACHED)
    return with_cache_status(failure, forward_status(failure, "request"))


#: Resource type (empty where there is none) and outcome -> requests.
OutcomeCounts = Counter[tuple[str, str]]


class CacheOutcomeCounter:
    """Stands around the cache and reads what it says in Cache-Status."""

    def __init__(self, inner: Handler, outcome_counts: OutcomeCounts) -> None:
        self._inner = inner
        self._outcome_counts = outcome_counts

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged. Raises Failure."""
        try:
            response = await self._inner(request)
        except Failure as failure:
            self._count_outcome(request, dict(failure.headers).get("cache-status", ""), failure.kind.status)
            raise
        self._count_outcome(request, response.header("cache-status"), response.status)
        return response

    def _count_outcome(self, request: FhirRequest, cache_status: str, status: int) -> None:
        found = cache_outcome(cache_status, status)
        if found:
            self._outcome_counts[request.interaction.type, found] += 1
