"""Purges of the response cache: of a patient, during a fetch, and from another replica."""

import asyncio

import pytest
from support.cache import PATIENT, Practice, get_request, searchset, status
from support.requests import GUID, json_response

from gateway.cache.lookup import CacheConfig
from gateway.cache.patient_tags import purge_tags
from gateway.cache.response_cache import ResponseCache
from gateway.exchange import FhirResponse

pytestmark = pytest.mark.anyio

OBSERVATION = searchset({"resourceType": "Observation", "subject": {"reference": "Patient/1"}})
PRACTITIONER = json_response({"resourceType": "Practitioner", "id": "5"})
PATIENT_2 = json_response({"resourceType": "Patient", "id": "2"})
PATIENT_1_TAGS = purge_tags(GUID, "", "1", b"s")
#: Path, query, response, and whether the response is still served after a purge of patient 1.
CASES: list[tuple[str, str, FhirResponse, bool]] = [
    ("Patient/1", "", json_response(PATIENT), False),
    ("Patient/2", "", PATIENT_2, True),
    ("Observation", "patient=1", OBSERVATION, False),
    ("Observation", "patient=2", searchset(), True),
    ("Observation", "patient=2", OBSERVATION, False),
    ("Observation", "code=x", searchset(), False),
    ("Practitioner/5", "", PRACTITIONER, True),
]


async def wait_for_upstream_requests(practice: Practice, count: int) -> None:
    for _ in range(1_000):
        if len(practice.upstream_requests) == count:
            return
        await asyncio.sleep(0)
    raise AssertionError(practice.upstream_requests)


@pytest.mark.parametrize(("path", "query", "response", "is_still_served"), CASES)
async def test_patient_purge_leaves_responses_about_other_patients(
    path: str, query: str, response: FhirResponse, is_still_served: bool
) -> None:
    practice = Practice()
    practice.response = response
    for _ in range(2):
        latest = await practice.get(path, query)
    assert "hit" in status(latest)
    await practice.cache.purge(GUID, PATIENT_1_TAGS)
    assert ("hit" in status(await practice.get(path, query))) is is_still_served
    assert "hit" in status(await practice.get(path, query))


@pytest.mark.parametrize(("path", "query", "response"), [case[:3] for case in CASES if not case[3]])
async def test_fetch_before_purge_is_not_stored(path: str, query: str, response: FhirResponse) -> None:
    practice = Practice()
    practice.response = response
    practice.may_respond.clear()
    early = asyncio.create_task(practice.get(path, query))
    await wait_for_upstream_requests(practice, 1)
    await practice.cache.purge(GUID, PATIENT_1_TAGS)
    practice.may_respond.set()
    await early
    assert "fwd=uri-miss" in status(await practice.get(path, query))


@pytest.mark.parametrize("lock_seconds", [0.0, 60.0], ids=["alone", "replicas"])
async def test_request_after_purge_does_not_share_earlier_fetch(lock_seconds: float) -> None:
    practice = Practice(lock_seconds=lock_seconds)
    practice.may_respond.clear()
    early = asyncio.create_task(practice.get())
    await wait_for_upstream_requests(practice, 1)
    assert practice.cache.fetches_in_flight == 1
    await practice.cache.purge(GUID, PATIENT_1_TAGS)
    late = asyncio.create_task(practice.get())
    await wait_for_upstream_requests(practice, 2)
    practice.may_respond.set()
    await asyncio.gather(early, late)
    assert practice.cache.fetches_in_flight == 0


async def test_purge_at_one_replica_applies_to_all() -> None:
    practice = Practice()
    replica = ResponseCache(
        practice.upstream, practice.store, CacheConfig(b"s", lock_seconds=1.0), practice.clock
    )
    expected = {"Patient/1": "fwd=uri-miss", "Practitioner/5": "hit"}
    for path in expected:
        practice.response = json_response({"resourceType": path.partition("/")[0], "id": path[-1]})
        await replica(get_request(path))
    await practice.cache.purge(GUID, PATIENT_1_TAGS)
    statuses = {path: status(await replica(get_request(path))) for path in expected}
    assert [path for path, text in expected.items() if text not in statuses[path]] == []
