"""Stored responses of replicas that share a store."""

from datetime import datetime, timedelta

import pytest
from support.requests import NOW, SITE, fhir_request, json_response

from gateway.cache.invalidation import InvalidationCounters
from gateway.cache.lookup import CacheConfig, CacheLookup, lookup_for
from gateway.cache.response_store import FetchResult, ResponseStore
from gateway.cache.stored_response import StoredResponse
from gateway.exchange import FhirRequest, FhirResponse
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

PATIENT = json_response({"resourceType": "Patient", "id": "1"})


class Replica:
    """A response store with a clock and an upstream that takes a second and counts its requests."""

    def __init__(self, store: MemoryStore) -> None:
        self.now = NOW
        self.upstream_request_count = 0
        self.config = CacheConfig(b"s", lock_seconds=60)
        counters = InvalidationCounters(store, is_shared=True)
        self.store = ResponseStore(self._upstream, store, self.config, self._clock, counters)

    def lookup(self, *headers: tuple[str, str]) -> CacheLookup:
        lookup = lookup_for(fhir_request("Patient/1", headers=headers), SITE, self.config)
        assert lookup is not None
        return lookup

    async def _upstream(self, _: FhirRequest) -> FhirResponse:
        self.upstream_request_count += 1
        self.now += timedelta(seconds=1)
        return PATIENT

    def _clock(self) -> datetime:
        return self.now


async def test_job_is_not_shared_with_another_caller() -> None:
    job = FetchResult(FhirResponse(202), "one")
    assert (job.applies_to("one"), job.applies_to("other")) == (True, False)
    assert FetchResult(PATIENT, "one").applies_to("other")


async def test_age_counts_from_upstream_request() -> None:
    replica = Replica(MemoryStore())
    lookup = replica.lookup()
    assert (await replica.store.fetch(lookup, None)).is_stored
    stored = await replica.store.get(lookup)
    assert stored is not None
    assert (stored.requested_at, stored.age(replica.now.timestamp())) == (NOW.timestamp(), 1)


async def test_only_newer_response_of_another_replica_is_used() -> None:
    store = MemoryStore()
    leader, follower = Replica(store), Replica(store)
    lookup = leader.lookup()
    leader_result = await leader.store.fetch(lookup, None)
    follower_result = await follower.store.fetch(lookup, None)
    assert (leader_result.is_collapsed, follower_result.is_collapsed) == (False, True)
    assert follower.upstream_request_count == 0
    await follower.store.fetch(lookup, StoredResponse(NOW.timestamp(), 0))
    assert follower.upstream_request_count == 1


async def test_no_cache_ignores_response_of_another_replica() -> None:
    store = MemoryStore()
    leader, follower = Replica(store), Replica(store)
    await leader.store.fetch(leader.lookup(), None)
    await follower.store.fetch(follower.lookup(("cache-control", "no-cache")), None)
    assert follower.upstream_request_count == 1


async def test_response_from_before_write_is_not_read() -> None:
    replica = Replica(MemoryStore())
    lookup = replica.lookup()
    await replica.store.fetch(lookup, None)
    await replica.store.counters.increment(SITE.guid, ["Patient"])
    assert await replica.store.get(lookup) is None
