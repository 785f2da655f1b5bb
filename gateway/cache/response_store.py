"""Store of responses by cache key; a write invalidates the responses that were requested before it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from math import inf
from typing import NamedTuple

from gateway.cache.directives import ResponseDirectives, response_directives
from gateway.cache.forecast import is_hit
from gateway.cache.freshness import NOT_FOUND_SECONDS, returned_types
from gateway.cache.invalidation import InvalidationCounters, Snapshot
from gateway.cache.lookup import CacheConfig, CacheLookup
from gateway.cache.patient_spellings import PatientSpellings, answer_of, is_plain
from gateway.cache.patient_tags import request_patient_tags, response_patient_tags
from gateway.cache.stored_response import (
    StoredResponse,
    decode,
    encode,
    is_not_found,
    is_storable,
    stored_failure,
)
from gateway.cache.validators import with_validators
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse, Handler
from gateway.stores.base import Store
from gateway.stores.lock import LeaderElection


@dataclass(frozen=True, slots=True)
class FetchResult:
    """Result of a fetch: a response, or the failure.

    `caller_fingerprint`: the caller that started it. `collapsed_at`: when another replica requested it, in
    seconds since 1970; None if this one did.
    """

    response: FhirResponse | Failure
    caller_fingerprint: str
    is_stored: bool = False
    collapsed_at: float | None = None

    @property
    def is_collapsed(self) -> bool:
        """Whether another replica fetched it."""
        return self.collapsed_at is not None

    def applies_to(self, lookup: CacheLookup, asked_at: float) -> bool:
        """Whether a request of this time that joined the fetch of another may share the result.

        A failure before the query, and a job (202), concern only the caller that started the fetch. What
        another replica requested earlier may be too old for the request.
        """
        response = self.response
        is_job = isinstance(response, FhirResponse) and response.status == HTTPStatus.ACCEPTED
        has_run = isinstance(response, FhirResponse) or response.kind.may_have_run
        is_own = lookup.caller_fingerprint == self.caller_fingerprint
        is_young = self.collapsed_at is None or lookup.may_share(self.collapsed_at, asked_at)
        return is_young and (is_own or (has_run and not is_job))


class _Moment(NamedTuple):
    """When a response was requested (seconds since 1970), and the counters then."""

    requested_at: float
    snapshot: Snapshot


class ResponseStore:
    """Reads stored responses, and fetches and stores new ones."""

    def __init__(
        self,
        inner: Handler,
        store: Store,
        config: CacheConfig,
        now: Callable[[], datetime],
        counters: InvalidationCounters,
    ) -> None:
        self._inner = inner
        self._store = store
        self._config = config
        self._now = now
        self._election = LeaderElection[FetchResult](store, config.lock_seconds)
        self.counters = counters
        self.spellings = PatientSpellings(lambda: self._timestamp)

    async def get(self, lookup: CacheLookup) -> StoredResponse | None:
        """Return the stored response of any age, unless a write or a refusal has invalidated it."""
        stored = decode(await self._store.get(_store_key(lookup)))
        if stored and not self._is_servable(lookup, stored):
            return None
        if stored is None or await self.counters.is_current(lookup.site, stored.counters):
            return stored
        return None

    def _is_servable(self, lookup: CacheLookup, stored: StoredResponse) -> bool:
        """Whether a response was requested after the caller's last refusal and every uncounted write."""
        uncounted_until = self.counters.uncounted_until(lookup.site, stored.counters)
        return lookup.is_accessible(stored.requested_at) and stored.requested_at > uncounted_until

    async def fetch(self, lookup: CacheLookup, entry: StoredResponse | None) -> FetchResult:
        """Fetch from the upstream, or return what another replica requested later than `entry`.

        The lock of a write's successor differs from that before it, so that nobody waits for what the write
        has ended. A caller without access waits for nobody: it may use only its own response.
        """
        if not self._config.lock_seconds or lookup.joinable_age <= 0 or lookup.access.refused_at == inf:
            return await self.fetch_alone(lookup)
        moment = await self._moment_of(lookup)
        return await self._election.run(
            f"fetch-lock/{lookup.key}/{moment.snapshot.site_counter}",
            lookup.joinable_age,  # when a fetch that runs already is too old
            lambda: self._find_newer(lookup, entry.requested_at if entry else -inf),
            lambda has_waited: self.fetch_alone(lookup, None if has_waited else moment),
        )

    async def _find_newer(self, lookup: CacheLookup, requested_after: float) -> FetchResult | None:
        stored = await self.get(lookup)
        if (
            stored is None
            or stored.requested_at <= requested_after
            or not is_hit(lookup, stored, stored.age(self._timestamp))
        ):
            return None
        return FetchResult(stored.response, lookup.caller_fingerprint, True, stored.requested_at)

    async def _moment_of(self, lookup: CacheLookup) -> _Moment:
        """Return the time and the counters now, before an upstream request."""
        tags = lookup.types | request_patient_tags(lookup.request, lookup.types, self._config.secret)
        return _Moment(self._timestamp, await self.counters.snapshot(lookup.site, tags))

    async def fetch_alone(self, lookup: CacheLookup, moment: _Moment | None = None) -> FetchResult:
        """Fetch from the upstream without a wait for other replicas; `moment`: now, if it is known."""
        moment = moment or await self._moment_of(lookup)
        try:
            response = await self._inner(lookup.request)
        except Failure as failure:
            return await self._failure_result(lookup, moment, failure)
        if not is_storable(lookup.request, response):
            return FetchResult(response, lookup.caller_fingerprint)
        response = with_validators(response, self._now())
        is_stored = await self._store_response(lookup, moment, response, response_directives(response))
        if is_stored:  # so no write has come in between
            self._learn_spelling(lookup, moment, response)
        return FetchResult(response, lookup.caller_fingerprint, is_stored=is_stored)

    def _learn_spelling(self, lookup: CacheLookup, moment: _Moment, response: FhirResponse) -> None:
        """Learn from the upstream's own response whether the site reads both spellings of a patient alike."""
        spelled = lookup.spelled
        if spelled is not None and is_plain(lookup.request):
            has_count = bool(lookup.request.client_search.values("_count"))
            requested_at, site_counter = moment.requested_at, moment.snapshot.site_counter
            if answer := answer_of(
                response, spelled.spelling, requested_at, site_counter, has_count=has_count
            ):
                self.spellings.record_answer(spelled.scope, spelled.key_of(), answer)

    async def _failure_result(self, lookup: CacheLookup, moment: _Moment, failure: Failure) -> FetchResult:
        is_stored = False
        if is_not_found(lookup.request, failure):
            seconds = min(NOT_FOUND_SECONDS, lookup.freshness.lifetime(lookup.types))
            entry = StoredResponse(moment.requested_at, seconds, failure=stored_failure(failure))
            is_stored = await self._write_if_current(lookup, moment.snapshot, entry, ())
        return FetchResult(failure, lookup.caller_fingerprint, is_stored=is_stored)

    async def _store_response(
        self,
        lookup: CacheLookup,
        moment: _Moment,
        response: FhirResponse,
        directives: ResponseDirectives,
    ) -> bool:
        types = lookup.types | returned_types(response.body)
        lifetime = min(lookup.freshness.lifetime(types), directives.lifetime)
        if not directives.may_store or lifetime <= 0 or len(response.body) > self._config.max_body:
            return False
        may_be_stale = directives.may_serve_stale
        entry = StoredResponse(
            moment.requested_at,
            lifetime,
            stale_if_error=lookup.freshness.stale_if_error_seconds(types) if may_be_stale else 0,
            stale_while_revalidate=(
                lookup.freshness.stale_while_revalidate_seconds(types) if may_be_stale else 0
            ),
            types=types,
            max_accepted_age=min(lookup.longest_accepted_age(types), directives.max_accepted_age),
        )
        tags = types | response_patient_tags(lookup.request, response, types)
        return await self._write_if_current(lookup, moment.snapshot, entry.with_response(response), tags)

    async def _write_if_current(
        self, lookup: CacheLookup, snapshot: Snapshot, entry: StoredResponse, tags: Iterable[str]
    ) -> bool:
        """Store a response unless a write invalidated it or it has expired; return whether it is stored."""
        counters = await self.counters.confirm(lookup.site, snapshot, tags)
        seconds = entry.retention_seconds - entry.age(self._timestamp)
        if counters is None or seconds <= 0:
            return False
        await self._store.set(_store_key(lookup), encode(entry.with_counters(counters)), seconds)
        return True

    @property
    def _timestamp(self) -> float:
        return self._now().timestamp()


def _store_key(lookup: CacheLookup) -> str:
    return f"response/{lookup.key}"
