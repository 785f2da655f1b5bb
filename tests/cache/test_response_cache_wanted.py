"""What a client may want of the cache, and when it gets something stale."""

from typing import Any

import msgspec
import pytest
from support.cache import PATIENT, Practice, run, searchset, status
from support.event_loop import turns
from support.requests import json_response

from gateway.cache.freshness import Freshness
from gateway.errors.catalog import UPSTREAM_TIMEOUT
from gateway.errors.failure import Failure
from gateway.upstreams.failures import NOT_FOUND


@pytest.mark.parametrize(
    ("directive", "age", "hit"),
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
def test_a_clients_directives_tighten(directive: str, age: float, *, hit: bool) -> None:
    async def scene() -> None:
        practice = Practice()
        await practice.get()
        practice.later(age)
        assert ("hit" in status(await practice.get(cache_control=directive))) is hit

    run(scene)


def test_only_if_cached_is_a_504_when_nothing_is_kept_and_costs_nothing() -> None:
    async def scene() -> None:
        practice = Practice()
        with pytest.raises(Failure) as refused:
            await practice.get(cache_control="only-if-cached")
        assert (refused.value.kind.status, practice.asked) == (504, [])

    run(scene)


@pytest.mark.parametrize(
    ("freshness", "path", "directive"),
    [
        (Freshness("off"), "Patient/1", "only-if-cached"),
        (Freshness(), "Appointment/$find-free", "only-if-cached"),
        (Freshness(), "Patient/1", "only-if-cached, no-store"),
        (Freshness(), "Patient/1", "only-if-cached, no-cache"),
    ],
)
def test_only_if_cached_is_a_504_too_where_nothing_ever_is_kept(
    freshness: Freshness, path: str, directive: str
) -> None:
    async def scene() -> None:
        practice = Practice(freshness)
        with pytest.raises(Failure) as refused:
            await practice.get(path, cache_control=directive)
        assert (refused.value.kind.status, practice.asked) == (504, [])
        assert dict(refused.value.headers)["cache-status"] == "halo-gateway; detail=not-cached"

    run(scene)


def test_no_store_leaves_nothing_behind() -> None:
    async def scene() -> None:
        practice = Practice()
        first = await practice.get(cache_control="no-store")
        assert status(first) == "halo-gateway; fwd=request; fwd-status=200"
        assert practice.store.used_bytes == 0

    run(scene)


NAMED = Freshness(stale_if_error={"AllergyIntolerance": 300})
AWAY = Freshness(stale_if_error={"Patient": 300, "*": 300})


def test_a_stale_answer_is_given_only_while_the_practice_is_away_and_says_so() -> None:
    async def scene() -> None:
        practice = Practice(AWAY)
        practice.answer = searchset(PATIENT)
        await practice.get("Patient", "name=a")
        practice.later(100)
        practice.answer = Failure(UPSTREAM_TIMEOUT)
        stale = (await practice.get("Patient", "name=a")).with_encoded_body()
        assert (status(stale), stale.header("age"), stale.header("etag")) == (
            "halo-gateway; hit; ttl=-40; detail=practice-away",
            "100",
            "",
        )
        outcome = msgspec.json.decode(stale.body)["entry"][-1]
        assert outcome["search"] == {"mode": "outcome"}
        assert "as of 2026-07-01T02:00:00+00:00" in outcome["resource"]["issue"][0]["details"]["text"]

    run(scene)


@pytest.mark.parametrize(
    ("freshness", "path", "age", "failure", "directive"),
    [
        (Freshness(), "Patient/1", 61, UPSTREAM_TIMEOUT, ""),
        (AWAY, "Patient/1", 361, UPSTREAM_TIMEOUT, ""),
        (AWAY, "Patient/1", 61, NOT_FOUND, ""),
        (AWAY, "Patient/1", 61, UPSTREAM_TIMEOUT, "no-cache"),
        (AWAY, "Patient/1", 61, UPSTREAM_TIMEOUT, "max-age=10"),
        (AWAY, "AllergyIntolerance/1", 61, UPSTREAM_TIMEOUT, ""),
        (NAMED, "AllergyIntolerance/1", 61, UPSTREAM_TIMEOUT, ""),
    ],
)
def test_a_stale_answer_is_refused(
    freshness: Freshness, path: str, age: float, failure: Any, directive: str
) -> None:
    async def scene() -> None:
        practice = Practice(freshness)
        practice.answer = json_response({"resourceType": path.partition("/")[0], "id": "1"})
        await practice.get(path)
        practice.later(age)
        practice.answer = Failure(failure)
        with pytest.raises(Failure):
            await practice.get(path, cache_control=directive)

    run(scene)


def test_a_lone_resource_says_that_it_is_stale_in_its_header_or_is_not_given_unasked() -> None:
    async def scene() -> None:
        practice = Practice(Freshness(stale_if_error={"Location": 300, "AllergyIntolerance": 300}))
        for kind in ("Location", "AllergyIntolerance"):
            practice.answer = json_response({"resourceType": kind, "id": "1"})
            await practice.get(f"{kind}/1")
        practice.answer = Failure(UPSTREAM_TIMEOUT)
        practice.later(40)
        old = await practice.get("AllergyIntolerance/1", cache_control="max-stale")
        assert (status(old), old.header("age")) == ("halo-gateway; hit; ttl=-10", "40")
        practice.later(3_600)
        place = await practice.get("Location/1")
        assert (status(place), place.header("age")) == (
            "halo-gateway; hit; ttl=-40; detail=practice-away",
            "3640",
        )

    run(scene)


def test_while_revalidating_the_old_answer_is_given_and_a_new_one_fetched() -> None:
    async def scene() -> None:
        practice = Practice(Freshness(stale_while_revalidate={"Patient": 30}))
        await practice.get()
        practice.later(61)
        assert "detail=revalidating" in status(await practice.get())
        await turns()
        assert status(await practice.get()) == "halo-gateway; hit; ttl=60"
        assert len(practice.asked) == 2

    run(scene)
