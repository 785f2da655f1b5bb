import asyncio
from collections import Counter

import pytest
from support.cache import Practice, run
from support.requests import fhir_request, json_response

from gateway.cache.freshness import Freshness
from gateway.cache.response_cache import CacheOutcomeCounter
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.upstreams.failures import NOT_FOUND


class Counting(Practice):
    """A practice whose cache is counted."""

    def __init__(self, freshness: Freshness | None = None) -> None:
        super().__init__(freshness)
        self.tally = Counter[tuple[str, str]]()
        self.cached_alone, self.cached = self.cached, CacheOutcomeCounter(self.cached, self.tally)  # type: ignore[assignment]


def test_what_the_cache_did_is_counted_by_type() -> None:
    async def scene() -> None:
        practice = Counting()
        first = await practice.get()
        await practice.get()
        await practice.get(if_none_match=first.header("etag"))
        await practice.get(cache_control="no-store")
        await practice.write()
        await practice.get("Patient/1/$summary")
        assert practice.tally == {
            ("Patient", "miss"): 1,
            ("Patient", "hit"): 1,
            ("Patient", "revalidated"): 1,
            ("Patient", "not-stored"): 1,
            ("Patient", "write"): 1,
            ("Patient", "bypass"): 1,
        }

    run(scene)


def test_those_who_share_a_query_and_those_who_get_old_answers_count_as_such() -> None:
    async def scene() -> None:
        practice = Counting(Freshness(stale_while_revalidate={"Patient": 60}))
        practice.opened.clear()
        both = [asyncio.create_task(practice.get()) for _ in range(2)]
        await asyncio.sleep(0)
        practice.opened.set()
        await asyncio.gather(*both)
        practice.later(61)
        await practice.get()
        assert practice.tally == {
            ("Patient", "miss"): 1,
            ("Patient", "collapsed"): 1,
            ("Patient", "stale"): 1,
        }

    run(scene)


def test_failures_are_counted_too_and_raised_as_they_are() -> None:
    async def scene() -> None:
        practice = Counting()
        practice.answer = Failure(NOT_FOUND)
        for _ in range(2):
            with pytest.raises(Failure) as failed:
                await practice.get()
            assert failed.value.kind == NOT_FOUND
        assert practice.tally == {("Patient", "not-stored"): 1, ("Patient", "hit"): 1}

    run(scene)


def test_what_the_cache_never_saw_is_not_counted() -> None:
    async def scene() -> None:
        async def inner(request: FhirRequest) -> FhirResponse:
            return json_response({"resourceType": request.interaction.type})

        tally = Counter[tuple[str, str]]()
        await CacheOutcomeCounter(inner, tally)(fhir_request("Patient/1"))
        assert not tally

    run(scene)
