import asyncio
from datetime import datetime, timedelta

from support.requests import NOW, SITE, fhir_request, json_response

from gateway.cache.lookup import CacheConfig, CacheLookup, lookup_for
from gateway.cache.response_store import ResponseStore
from gateway.cache.stored_response import StoredResponse
from gateway.exchange import FhirRequest, FhirResponse
from gateway.stores.memory import MemoryStore

PATIENT = json_response({"resourceType": "Patient", "id": "1"})


class Replica:
    """Responses over a store, with a clock and a count."""

    def __init__(self, store: MemoryStore, lease: float = 60) -> None:
        self.now = NOW
        self.asked = 0
        self.caching = CacheConfig(b"s", lock_seconds=lease)
        self.responses = ResponseStore(self._ask, store, self.caching, self._clock)

    def question(self, *headers: tuple[str, str]) -> CacheLookup:
        found = lookup_for(fhir_request("Patient/1", headers=headers), SITE, self.caching)
        assert found is not None
        return found

    async def _ask(self, _: FhirRequest) -> FhirResponse:
        self.asked += 1
        self.now += timedelta(seconds=1)
        return PATIENT

    def _clock(self) -> datetime:
        return self.now


def test_an_answer_is_as_old_as_its_question() -> None:
    async def scene() -> None:
        replica = Replica(MemoryStore())
        asked = replica.question()
        assert (await replica.responses.fetch(asked, None)).is_stored
        stored = await replica.responses.get(asked)
        assert stored is not None
        assert (stored.requested_at, stored.age(replica.now.timestamp())) == (NOW.timestamp(), 1)

    asyncio.run(scene())


def test_what_another_replica_asked_later_is_taken_and_what_is_older_is_not() -> None:
    async def scene() -> None:
        store = MemoryStore()
        one, other = Replica(store), Replica(store)
        asked = one.question()
        led = await one.responses.fetch(asked, None)
        followed = await other.responses.fetch(asked, None)
        assert (led.is_collapsed, followed.is_collapsed, other.asked) == (False, True, 0)
        await other.responses.fetch(asked, StoredResponse(NOW.timestamp(), 0))
        assert other.asked == 1

    asyncio.run(scene())


def test_no_cache_takes_no_other_replicas_word() -> None:
    async def scene() -> None:
        store = MemoryStore()
        one, other = Replica(store), Replica(store)
        await one.responses.fetch(one.question(), None)
        await other.responses.fetch(other.question(("cache-control", "no-cache")), None)
        assert other.asked == 1

    asyncio.run(scene())


def test_an_answer_from_before_a_write_is_never_read_again() -> None:
    async def scene() -> None:
        replica = Replica(MemoryStore())
        asked = replica.question()
        await replica.responses.fetch(asked, None)
        await replica.responses.counters.increment(SITE.guid, ["Patient"])
        assert await replica.responses.get(asked) is None

    asyncio.run(scene())
