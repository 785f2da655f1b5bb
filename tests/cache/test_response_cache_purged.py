import asyncio

import pytest
from support.cache import PATIENT, Practice, asking, run, searchset, status
from support.requests import GUID, json_response

from gateway.cache.lookup import CacheConfig
from gateway.cache.patient_tags import purge_tags
from gateway.cache.response_cache import ResponseCache
from gateway.exchange import FhirResponse

SLOW = searchset({"resourceType": "Observation", "subject": {"reference": "Patient/1"}})
STAFF = json_response({"resourceType": "Practitioner", "id": "5"})
OTHER = json_response({"resourceType": "Patient", "id": "2"})
PURGE = purge_tags(GUID, "", "1", b"s")
#: A question, its answer, and whether a purge of patient 1 lets it be served again.
KEPT: list[tuple[str, str, FhirResponse, bool]] = [
    ("Patient/1", "", json_response(PATIENT), False),
    ("Patient/2", "", OTHER, True),
    ("Observation", "patient=1", SLOW, False),
    ("Observation", "patient=2", searchset(), True),
    ("Observation", "patient=2", SLOW, False),
    ("Observation", "code=x", searchset(), False),
    ("Practitioner/5", "", STAFF, True),
]


async def upstream_asked(practice: Practice, times: int) -> None:
    """Return when the upstream has been asked that often."""
    for _ in range(1_000):
        if len(practice.asked) == times:
            return
        await asyncio.sleep(0)
    raise AssertionError(practice.asked)


@pytest.mark.parametrize(("path", "query", "answer", "stays"), KEPT)
def test_a_purge_of_a_patient_leaves_only_what_cannot_be_about_them(
    path: str, query: str, answer: FhirResponse, stays: bool
) -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = answer
        for _ in range(2):
            again = await practice.get(path, query)
        assert "hit" in status(again)
        await practice.cached.purge(GUID, PURGE)
        assert ("hit" in status(await practice.get(path, query))) is stays
        assert "hit" in status(await practice.get(path, query))

    run(scene)


@pytest.mark.parametrize(("path", "query", "answer"), [each[:3] for each in KEPT if not each[3]])
def test_what_was_asked_for_before_the_purge_is_not_kept_after_it(
    path: str, query: str, answer: FhirResponse
) -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = answer
        practice.opened.clear()
        early = asyncio.create_task(practice.get(path, query))
        await upstream_asked(practice, 1)
        await practice.cached.purge(GUID, PURGE)
        practice.opened.set()
        await early
        assert "fwd=uri-miss" in status(await practice.get(path, query))

    run(scene)


def test_who_asks_after_the_purge_shares_no_query_from_before_it() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        early = asyncio.create_task(practice.get())
        await upstream_asked(practice, 1)
        assert practice.cached.fetches_in_flight == 1
        await practice.cached.purge(GUID, PURGE)
        late = asyncio.create_task(practice.get())
        await upstream_asked(practice, 2)
        practice.opened.set()
        await asyncio.gather(early, late)
        assert practice.cached.fetches_in_flight == 0

    run(scene)


def test_a_purge_at_one_replica_is_a_purge_at_all() -> None:
    async def scene() -> None:
        here = Practice()
        there = ResponseCache(here.upstream, here.store, CacheConfig(b"s", lock_seconds=1.0), here._clock)
        asked = {"Patient/1": "fwd=uri-miss", "Practitioner/5": "hit"}
        for path in asked:
            here.answer = json_response({"resourceType": path.partition("/")[0], "id": path[-1]})
            await there(asking(path))
        await here.cached.purge(GUID, PURGE)
        assert [path for path, said in asked.items() if said not in status(await there(asking(path)))] == []

    run(scene)
