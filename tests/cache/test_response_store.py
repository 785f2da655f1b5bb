"""Stored responses of replicas that share a store."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf

import pytest
from stores.test_redis_channel import wait_until
from support.cache import KEY, searchset
from support.requests import NOW, SITE, fhir_request, json_response

from gateway.apps.app import App
from gateway.cache.caller_access import Access
from gateway.cache.invalidation import InvalidationCounters
from gateway.cache.lookup import CacheConfig, CacheLookup, lookup_for
from gateway.cache.response_store import FetchResult, ResponseStore
from gateway.cache.stored_response import StoredResponse
from gateway.exchange import FhirRequest, FhirResponse
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

PATIENT = json_response({"resourceType": "Patient", "id": "1"})


class Replica:
    """A response store with a clock and an upstream that takes `seconds` and counts its requests."""

    def __init__(self, store: MemoryStore, seconds: float = 1, response: FhirResponse = PATIENT) -> None:
        self.now = NOW
        self.seconds = seconds
        self.response = response
        self.upstream_request_count = 0
        self.may_respond = asyncio.Event()
        self.may_respond.set()
        self.config = CacheConfig(b"s", lock_seconds=60, apps={"board": App("board", "display")})
        counters = InvalidationCounters(store, is_shared=True)
        self.store = ResponseStore(self._upstream, store, self.config, self._clock, counters)

    def lookup(self, *headers: tuple[str, str]) -> CacheLookup:
        lookup = lookup_for(fhir_request("Patient/1", headers=headers), SITE, self.config)
        assert lookup is not None
        return lookup

    def diary(self, app: str) -> CacheLookup:
        request = fhir_request("Appointment", "status=booked", headers=(KEY,)).replace(app=app)
        lookup = lookup_for(request, SITE, self.config)
        assert lookup is not None
        return lookup

    async def _upstream(self, _: FhirRequest) -> FhirResponse:
        self.upstream_request_count += 1
        await self.may_respond.wait()
        self.now += timedelta(seconds=self.seconds)
        return self.response

    def _clock(self) -> datetime:
        return self.now


async def test_job_is_not_shared_with_another_caller() -> None:
    lookup = Replica(MemoryStore()).lookup()
    own, other = lookup.caller_fingerprint, "other"
    assert FetchResult(FhirResponse(202), own).applies_to(lookup, 0)
    assert not FetchResult(FhirResponse(202), other).applies_to(lookup, 0)
    assert FetchResult(PATIENT, other).applies_to(lookup, 0)


@pytest.mark.parametrize(
    ("directive", "age", "refused", "applies"),
    [
        ("max-stale", 50, -1, True),
        ("max-stale", 61, -1, False),
        ("max-age=2", 1.9, -1, True),
        ("max-age=2", 2, -1, False),
        ("min-fresh=50", 9, -1, True),
        ("min-fresh=50", 11, -1, False),
        ("no-cache", 0, -1, False),
        ("no-cache", -1, -1, False),
        ("max-stale", 5, 94, True),
        ("max-stale", 5, 95, False),
    ],
)
async def test_result_of_another_replica_is_shared_while_young(
    directive: str, age: float, refused: float, *, applies: bool
) -> None:
    lookup = Replica(MemoryStore()).lookup(("cache-control", directive))
    lookup = replace(lookup, access=Access(refused_at=refused))
    fetched = FetchResult(PATIENT, lookup.caller_fingerprint, collapsed_at=100 - age)
    assert fetched.applies_to(lookup, 100) is applies


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


class CountingStore(MemoryStore):
    """Counts the commands that a shared store would get."""

    commands = 0

    async def get(self, name: str) -> bytes | None:
        self.commands += 1
        return await super().get(name)

    async def get_all(self, names: Sequence[str]) -> dict[str, bytes]:
        self.commands += 1
        return await super().get_all(names)

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        self.commands += 1
        await super().set(name, value, seconds)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        self.commands += 1
        return await super().increment(name, amount, seconds)

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        self.commands += 1
        return await super().acquire_lock(name, holder, seconds)

    async def release_lock(self, name: str, holder: str) -> None:
        self.commands += 1
        await super().release_lock(name, holder)


@pytest.mark.parametrize(
    ("app", "response", "count"),
    [
        ("", PATIENT, 9),
        ("board", searchset(), 9),
        ("board", searchset().with_header("cache-control", "no-store"), 8),
    ],
)
async def test_miss_costs_few_commands(app: str, response: FhirResponse, count: int) -> None:
    """The lock's name needs none of its own; a response that is not stored costs one for the mark."""
    store = CountingStore()
    replica = Replica(store, response=response)
    await replica.store.fetch(replica.diary(app) if app else replica.lookup(), None)
    assert (store.commands, replica.upstream_request_count) == (count, 1)


async def start_fetch(leader: Replica) -> asyncio.Task[FetchResult]:
    """A fetch whose upstream has the request, and does not respond yet."""
    leader.may_respond.clear()
    fetch = asyncio.create_task(leader.store.fetch(leader.lookup(), None))
    await wait_until(lambda: leader.upstream_request_count == 1)
    return fetch


async def test_request_after_write_does_not_wait_for_an_older_leader() -> None:
    store = MemoryStore()
    leader, other = Replica(store), Replica(store)
    early = await start_fetch(leader)
    await other.store.counters.increment(SITE.guid, ["Patient"])
    assert (await asyncio.wait_for(other.store.fetch(other.lookup(), None), 4)).is_stored
    leader.may_respond.set()
    assert not (await early).is_stored


async def test_caller_without_access_waits_for_no_leader() -> None:
    """The result of another would not be shown to it."""
    store = MemoryStore()
    leader, other = Replica(store), Replica(store)
    early = await start_fetch(leader)
    refused = replace(other.lookup(), access=Access(refused_at=inf))
    fetched = await asyncio.wait_for(other.store.fetch(refused, None), 4)
    assert (fetched.is_collapsed, other.upstream_request_count) == (False, 1)
    leader.may_respond.set()
    await early


@pytest.mark.parametrize(("app", "is_collapsed"), [("board", True), ("", False)])
async def test_follower_takes_the_age_that_its_app_accepts(app: str, *, is_collapsed: bool) -> None:
    """The diary of a slow practice is older than its lifetime when it comes, but a screen accepts it."""
    store = MemoryStore()
    leader, follower = (Replica(store, 6, searchset()) for _ in range(2))
    await leader.store.fetch(leader.diary("board"), None)
    follower.now = leader.now
    assert (await follower.store.fetch(follower.diary(app), None)).is_collapsed is is_collapsed


async def test_followers_of_an_unstored_response_ask_side_by_side() -> None:
    store = MemoryStore()
    leader, *followers = replicas = [
        Replica(store, response=PATIENT.with_header("cache-control", "no-store")) for _ in range(4)
    ]
    for each in replicas:
        each.may_respond.clear()
    fetches = [asyncio.create_task(each.store.fetch(each.lookup(), None)) for each in replicas]
    await wait_until(lambda: leader.upstream_request_count == 1)
    leader.may_respond.set()
    await wait_until(lambda: all(each.upstream_request_count == 1 for each in followers))
    for each in followers:
        each.may_respond.set()
    assert not any(result.is_stored for result in await asyncio.gather(*fetches))
