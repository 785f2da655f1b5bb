"""Counts of cache outcomes by resource type."""

import asyncio
from collections import Counter

import pytest
from support.cache import Practice
from support.requests import fhir_request, json_response

from gateway.cache.freshness import Freshness
from gateway.cache.response_cache import CacheOutcomeCounter
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.upstreams.failures import NOT_FOUND

pytestmark = pytest.mark.anyio


class CountedPractice(Practice):
    """A practice whose cache outcomes are counted."""

    def __init__(self, freshness: Freshness | None = None) -> None:
        super().__init__(freshness)
        self.outcome_counts = Counter[tuple[str, str]]()
        self.cache = CacheOutcomeCounter(self.cache, self.outcome_counts)  # type: ignore[assignment]


async def test_outcomes_are_counted_by_type() -> None:
    practice = CountedPractice()
    first = await practice.get()
    await practice.get()
    await practice.get(if_none_match=first.header("etag"))
    await practice.get(cache_control="no-store")
    await practice.write()
    await practice.get("Patient/1/$summary")
    assert practice.outcome_counts == {
        ("Patient", "miss"): 1,
        ("Patient", "hit"): 1,
        ("Patient", "revalidated"): 1,
        ("Patient", "not-stored"): 1,
        ("Patient", "write"): 1,
        ("Patient", "bypass"): 1,
    }


async def test_collapsed_and_stale_outcomes_are_counted() -> None:
    practice = CountedPractice(Freshness(stale_while_revalidate={"Patient": 60}))
    practice.may_respond.clear()
    tasks = [asyncio.create_task(practice.get()) for _ in range(2)]
    await asyncio.sleep(0)
    practice.may_respond.set()
    await asyncio.gather(*tasks)
    practice.advance(61)
    await practice.get()
    assert practice.outcome_counts == {
        ("Patient", "miss"): 1,
        ("Patient", "collapsed"): 1,
        ("Patient", "stale"): 1,
    }


async def test_failures_are_counted_and_raised_unchanged() -> None:
    practice = CountedPractice()
    practice.response = Failure(NOT_FOUND)
    for _ in range(2):
        with pytest.raises(Failure) as failed:
            await practice.get()
        assert failed.value.kind == NOT_FOUND
    assert practice.outcome_counts == {("Patient", "not-stored"): 1, ("Patient", "hit"): 1}


async def test_response_without_cache_status_is_not_counted() -> None:
    async def handler(request: FhirRequest) -> FhirResponse:
        return json_response({"resourceType": request.interaction.type})

    outcome_counts = Counter[tuple[str, str]]()
    await CacheOutcomeCounter(handler, outcome_counts)(fhir_request("Patient/1"))
    assert not outcome_counts
