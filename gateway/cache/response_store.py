"""Stored responses under their questions: never one that was fetched before a write it depends on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from math import inf

from gateway.cache.directives import ResponseDirectives, response_directives
from gateway.cache.freshness import NOT_FOUND_SECONDS, returned_types
from gateway.cache.invalidation import InvalidationCounters
from gateway.cache.lookup import CacheConfig, CacheLookup
from gateway.cache.patient_tags import request_patient_tags, response_patient_tags
from gateway.cache.stored_response import (
    StoredResponse,
    decode,
    encode,
    is_not_found,
    is_storable,
    stored_failure,
)
from gateway.cache.validators import upstream_etag, with_validators
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse, Handler, Headers
from gateway.stores.base import Store
from gateway.stores.lock import run_as_leader


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What was waited for: an answer, or why there is none.

    `asker` asked for it; `stored`: it is kept; `collapsed`: another replica asked; `validated`: the upstream
    says that what was kept is still the same.
    """

    response: FhirResponse | Failure
    caller_fingerprint: str
    is_stored: bool = False
    is_collapsed: bool = False
    is_revalidated: bool = False

    def applies_to(self, caller_fingerprint: str) -> bool:
        """Whether it holds for somebody who did not ask for it: not a refusal, which is another's own."""
        answered = isinstance(self.response, FhirResponse) or self.response.kind.may_have_run
        return answered or caller_fingerprint == self.caller_fingerprint


class ResponseStore:
    """What is kept, and how it comes to be kept."""

    def __init__(
        self,
        inner: Handler,
        store: Store,
        config: CacheConfig,
        now: Callable[[], datetime],
        counters: InvalidationCounters | None = None,
    ) -> None:
        self._inner = inner
        self._store = store
        self._config = config
        self._now = now
        self.counters = counters or InvalidationCounters(store, is_shared=config.lock_seconds > 0)

    async def get(self, lookup: CacheLookup) -> StoredResponse | None:
        """The kept answer, however old, if no write has touched it since."""
        stored = decode(await self._store.get(_store_key(lookup)))
        if stored is None or await self.counters.is_current(lookup.site, stored.counters):
            return stored
        return None

    async def fetch(self, lookup: CacheLookup, entry: StoredResponse | None) -> FetchResult:
        """The upstream's answer, or one that another replica asked for after what is `stored`."""
        if not self._config.lock_seconds or lookup.directives.requires_new_fetch:
            return await self._fetch_from_upstream(lookup, entry)
        return await run_as_leader(
            self._store,
            f"lease/{lookup.key}",
            self._config.lock_seconds,
            lambda: self._find_newer(lookup, entry.requested_at if entry else -inf),
            lambda: self._fetch_from_upstream(lookup, entry),
        )

    async def _find_newer(self, lookup: CacheLookup, requested_after: float) -> FetchResult | None:
        stored = await self.get(lookup)
        if (
            stored is None
            or stored.requested_at <= requested_after
            or stored.age(self._timestamp) >= stored.lifetime
        ):
            return None
        return FetchResult(stored.response, lookup.caller_fingerprint, is_stored=True, is_collapsed=True)

    async def _fetch_from_upstream(self, lookup: CacheLookup, entry: StoredResponse | None) -> FetchResult:
        about = lookup.types | request_patient_tags(lookup.request, lookup.types, self._config.secret)
        facts = StoredResponse(self._timestamp, 0, await self.counters.snapshot(lookup.site, about))
        tag = self._upstream_etag(lookup, entry.headers) if entry else ""
        try:
            response = await self._inner(lookup.request.replace(if_none_match=tag) if tag else lookup.request)
        except Failure as failure:
            return await self._failure_result(lookup, facts, failure)
        if entry and tag and response.status == HTTPStatus.NOT_MODIFIED:
            return await self._store_revalidated(lookup, facts, entry.response, response_directives(response))
        if not is_storable(lookup.request, response):
            return FetchResult(response, lookup.caller_fingerprint)
        answer = with_validators(response, self._now())
        kept = await self._store_response(lookup, facts, answer, response_directives(answer))
        return FetchResult(answer, lookup.caller_fingerprint, is_stored=kept)

    async def _store_revalidated(
        self,
        lookup: CacheLookup,
        metadata: StoredResponse,
        response: FhirResponse | Failure,
        directives: ResponseDirectives,
    ) -> FetchResult:
        """What was kept, which the upstream says is still so."""
        kept = isinstance(response, FhirResponse) and await self._store_response(
            lookup, metadata, response, directives
        )
        return FetchResult(response, lookup.caller_fingerprint, is_stored=kept, is_revalidated=True)

    def _upstream_etag(self, lookup: CacheLookup, headers: Headers) -> str:
        """What the upstream may judge a kept answer by; empty without."""
        return upstream_etag(lookup.request, headers) if self._config.trust_etags else ""

    async def _failure_result(
        self, lookup: CacheLookup, metadata: StoredResponse, failure: Failure
    ) -> FetchResult:
        if is_not_found(lookup.request, failure):
            seconds = min(NOT_FOUND_SECONDS, lookup.freshness.lifetime(lookup.types))
            missing = StoredResponse(
                metadata.requested_at, seconds, metadata.counters, failure=stored_failure(failure)
            )
            await self._write_if_current(lookup, missing, ())
        return FetchResult(failure, lookup.caller_fingerprint)

    async def _store_response(
        self,
        lookup: CacheLookup,
        metadata: StoredResponse,
        response: FhirResponse,
        directives: ResponseDirectives,
    ) -> bool:
        shown = lookup.types | returned_types(response.body)
        lifetime = min(lookup.freshness.lifetime(shown), directives.lifetime)
        if not directives.may_store or lifetime <= 0 or len(response.body) > self._config.max_body:
            return False
        stored = StoredResponse(
            metadata.requested_at,
            lifetime,
            metadata.counters,
            lookup.freshness.stale_if_error_seconds(shown) if directives.may_serve_stale else 0,
            lookup.freshness.stale_while_revalidate_seconds(shown) if directives.may_serve_stale else 0,
            validation_seconds=lifetime if self._upstream_etag(lookup, response.headers) else 0,
        )
        patients = response_patient_tags(lookup.request, response, shown)
        return await self._write_if_current(lookup, stored.with_response(response), shown | patients)

    async def _write_if_current(
        self, lookup: CacheLookup, entry: StoredResponse, tags: Iterable[str]
    ) -> bool:
        """Whether it was kept: not when a write came in between, nor when its time is over already."""
        now = await self.counters.confirm(lookup.site, entry.counters, tags)
        seconds = entry.retention_seconds - entry.age(self._timestamp)
        if now is None or seconds <= 0:
            return False
        await self._store.set(_store_key(lookup), encode(entry.with_counters(now)), seconds)
        return True

    @property
    def _timestamp(self) -> float:
        return self._now().timestamp()


def _store_key(lookup: CacheLookup) -> str:
    return f"response/{lookup.key}"
