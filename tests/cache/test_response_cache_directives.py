"""Cache directives of clients, and stale responses."""

from typing import Any

import msgspec
import pytest
from support.cache import PATIENT, Practice, searchset, status
from support.event_loop import turns
from support.requests import json_response

from gateway.cache.freshness import Freshness
from gateway.errors.catalog import UPSTREAM_TIMEOUT
from gateway.errors.failure import Failure
from gateway.upstreams.failures import NOT_FOUND

pytestmark = pytest.mark.anyio

STALE_ALLERGIES = Freshness(stale_if_error={"AllergyIntolerance": 300})
STALE_ALL = Freshness(stale_if_error={"Patient": 300, "*": 300})


@pytest.mark.parametrize(
    ("directive", "age", "is_hit"),
    [
        ("max-age=10", 9, True),
        ("max-age=10", 11, False),
        ("min-fresh=30", 20, True),
        ("min-fresh=30", 40, False),
        ("no-cache", 0, False),
        ("no-store", 0, False),
        ("max-stale", 61, False),
        ("only-if-cached", 1, True),
    ],
)
async def test_client_directive_restricts_hits(directive: str, age: float, *, is_hit: bool) -> None:
    practice = Practice()
    await practice.get()
    practice.advance(age)
    assert ("hit" in status(await practice.get(cache_control=directive))) is is_hit


async def test_only_if_cached_without_stored_response_gets_504() -> None:
    practice = Practice()
    with pytest.raises(Failure) as rejected:
        await practice.get(cache_control="only-if-cached")
    assert (rejected.value.kind.status, practice.upstream_requests) == (504, [])


@pytest.mark.parametrize(
    ("freshness", "path", "directive"),
    [
        (Freshness("off"), "Patient/1", "only-if-cached"),
        (Freshness(), "Appointment/$find-free", "only-if-cached"),
        (Freshness(), "Patient/1", "only-if-cached, no-store"),
        (Freshness(), "Patient/1", "only-if-cached, no-cache"),
    ],
)
async def test_only_if_cached_for_uncacheable_request_gets_504(
    freshness: Freshness, path: str, directive: str
) -> None:
    practice = Practice(freshness)
    with pytest.raises(Failure) as rejected:
        await practice.get(path, cache_control=directive)
    assert (rejected.value.kind.status, practice.upstream_requests) == (504, [])
    assert dict(rejected.value.headers)["cache-status"] == "halo-gateway; detail=not-cached"


async def test_no_store_stores_nothing() -> None:
    practice = Practice()
    response = await practice.get(cache_control="no-store")
    assert status(response) == "halo-gateway; fwd=request; fwd-status=200"
    assert practice.store.used_bytes == 0


async def test_stale_searchset_during_outage_contains_warning() -> None:
    practice = Practice(STALE_ALL)
    practice.response = searchset(PATIENT)
    await practice.get("Patient", "name=a")
    practice.advance(100)
    practice.response = Failure(UPSTREAM_TIMEOUT)
    stale = (await practice.get("Patient", "name=a")).with_encoded_body()
    assert (status(stale), stale.header("age"), stale.header("etag")) == (
        "halo-gateway; hit; ttl=-40; detail=practice-away",
        "100",
        "",
    )
    outcome = msgspec.json.decode(stale.body)["entry"][-1]
    assert outcome["search"] == {"mode": "outcome"}
    assert "as of 2026-07-01T02:00:00+00:00" in outcome["resource"]["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    ("freshness", "path", "age", "failure", "directive"),
    [
        (Freshness(), "Patient/1", 61, UPSTREAM_TIMEOUT, ""),
        (STALE_ALL, "Patient/1", 361, UPSTREAM_TIMEOUT, ""),
        (STALE_ALL, "Patient/1", 61, NOT_FOUND, ""),
        (STALE_ALL, "Patient/1", 61, UPSTREAM_TIMEOUT, "no-cache"),
        (STALE_ALL, "Patient/1", 61, UPSTREAM_TIMEOUT, "max-age=10"),
        (STALE_ALL, "AllergyIntolerance/1", 61, UPSTREAM_TIMEOUT, ""),
        (STALE_ALLERGIES, "AllergyIntolerance/1", 61, UPSTREAM_TIMEOUT, ""),
    ],
)
async def test_stale_response_without_permission_is_not_served(
    freshness: Freshness, path: str, age: float, failure: Any, directive: str
) -> None:
    practice = Practice(freshness)
    practice.response = json_response({"resourceType": path.partition("/")[0], "id": "1"})
    await practice.get(path)
    practice.advance(age)
    practice.response = Failure(failure)
    with pytest.raises(Failure):
        await practice.get(path, cache_control=directive)


async def test_stale_single_resource_is_marked_in_headers() -> None:
    """A type on which a treatment depends is served stale only if the client permits it by max-stale."""
    practice = Practice(Freshness(stale_if_error={"Location": 300, "AllergyIntolerance": 300}))
    for type_ in ("Location", "AllergyIntolerance"):
        practice.response = json_response({"resourceType": type_, "id": "1"})
        await practice.get(f"{type_}/1")
    practice.response = Failure(UPSTREAM_TIMEOUT)
    practice.advance(40)
    allergy = await practice.get("AllergyIntolerance/1", cache_control="max-stale")
    assert (status(allergy), allergy.header("age")) == ("halo-gateway; hit; ttl=-10", "40")
    practice.advance(3_600)
    location = await practice.get("Location/1")
    assert (status(location), location.header("age")) == (
        "halo-gateway; hit; ttl=-40; detail=practice-away",
        "3640",
    )


async def test_stale_while_revalidate_serves_stale_and_fetches() -> None:
    practice = Practice(Freshness(stale_while_revalidate={"Patient": 30}))
    await practice.get()
    practice.advance(61)
    assert "detail=revalidating" in status(await practice.get())
    await turns()
    assert status(await practice.get()) == "halo-gateway; hit; ttl=60"
    assert len(practice.upstream_requests) == 2
