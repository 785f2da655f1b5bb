"""One query for equal questions, for as long as the answer is fresh, and never after a write."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from exchanges import NOW, fhir_request, json_response

from gateway.core.cache_key import caller
from gateway.core.exchange import FhirRequest, FhirResponse
from gateway.core.failure import Failure
from gateway.core.freshness import Freshness
from gateway.core.kinds import UPSTREAM_TIMEOUT, WRITE_UNKNOWN
from gateway.core.page import Position
from gateway.core.question import Caching
from gateway.dialects.kinds import NOT_FOUND
from gateway.handlers.cached import Cached
from gateway.stores.memory import MemoryStore

KEY = ("ocp-apim-subscription-key", "demo")
PATIENT = {"resourceType": "Patient", "id": "1"}


class Practice:
    """A clock, an upstream that counts, and the cache between them."""

    def __init__(self, freshness: Freshness | None = None, **caching: Any) -> None:
        self.now = NOW
        self.asked: list[str] = []
        self.answer: FhirResponse | Failure = json_response(PATIENT)
        self.opened = asyncio.Event()
        self.opened.set()
        chosen = freshness or Freshness()
        self.store = MemoryStore(clock=self._seconds)
        self.cached = Cached(
            self._upstream, self.store, Caching(b"s", lambda _: chosen, **caching), self._clock
        )

    async def get(self, path: str = "Patient/1", query: str = "", **headers: str) -> FhirResponse:
        return await self.cached(asking(path, query, **headers))

    async def write(self) -> FhirResponse:
        return await self.cached(fhir_request("Patient/1", method="PUT", headers=(KEY,)))

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _clock(self) -> datetime:
        return self.now

    def _seconds(self) -> float:
        return self.now.timestamp()

    async def _upstream(self, request: FhirRequest) -> FhirResponse:
        self.asked.append(f"{request.method} {request.path}?{request.search.query}")
        answer = self.answer
        await self.opened.wait()
        if isinstance(answer, Failure):
            raise answer
        return answer


def asking(path: str = "Patient/1", query: str = "", **headers: str) -> FhirRequest:
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return fhir_request(
        path, query, headers=(*(() if "ocp_apim_subscription_key" in headers else (KEY,)), *given)
    )


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def status(response: FhirResponse) -> str:
    return response.header("cache-status")


def test_a_second_question_is_answered_from_memory_with_its_age() -> None:
    async def scene() -> None:
        practice = Practice()
        first = await practice.get()
        practice.later(7)
        second = await practice.get()
        assert status(first) == "halo-gateway; fwd=uri-miss; fwd-status=200; stored"
        assert (status(second), second.header("age")) == ("halo-gateway; hit; ttl=53", "7")
        assert (second.body, first.header("age"), len(practice.asked)) == (first.body, "", 1)
        assert second.header("cache-control") == "private, no-cache"

    run(scene)


def test_an_answer_past_its_lifetime_is_asked_for_again() -> None:
    async def scene() -> None:
        practice = Practice()
        await practice.get()
        practice.later(60)
        assert "fwd=" in status(await practice.get())
        assert len(practice.asked) == 2

    run(scene)


def test_fifty_at_once_cost_one_query() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        asked = [asyncio.create_task(practice.get()) for _ in range(50)]
        await asyncio.sleep(0.01)
        practice.opened.set()
        answers = await asyncio.gather(*asked)
        assert len(practice.asked) == 1
        assert sum("collapsed" in status(each) for each in answers) == 49

    run(scene)


def test_a_query_that_everybody_left_is_still_kept() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        left = asyncio.create_task(practice.get())
        await asyncio.sleep(0.01)
        left.cancel()
        await asyncio.sleep(0)
        practice.opened.set()
        await asyncio.sleep(0.01)
        assert "hit" in status(await practice.get())

    run(scene)


def test_a_failed_leader_tells_all_who_wait() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        practice.answer = Failure(UPSTREAM_TIMEOUT)
        asked = [asyncio.create_task(practice.get()) for _ in range(5)]
        await asyncio.sleep(0.01)
        practice.opened.set()
        failures = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(each, Failure) and each.kind is UPSTREAM_TIMEOUT for each in failures)
        assert len({id(each) for each in failures}) == 5
        assert len(practice.asked) == 1
        practice.answer = json_response(PATIENT)
        assert "fwd=uri-miss" in status(await practice.get())

    run(scene)


def test_no_cache_shares_only_what_began_after_it_was_asked() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        first = asyncio.create_task(practice.get())
        await asyncio.sleep(0.01)
        fresh = [asyncio.create_task(practice.get(cache_control="no-cache")) for _ in range(20)]
        await asyncio.sleep(0.01)
        practice.opened.set()
        await asyncio.gather(first, *fresh)
        assert len(practice.asked) == 2

    run(scene)


def test_a_write_makes_stale_at_once_and_for_good() -> None:
    async def scene() -> None:
        practice = Practice()
        await practice.get()
        await practice.write()
        assert "fwd=uri-miss" in status(await practice.get())
        assert "hit" in status(await practice.get())

    run(scene)


@pytest.mark.parametrize("outcome", [json_response(PATIENT), Failure(WRITE_UNKNOWN)])
def test_what_was_fetched_before_a_write_is_never_kept_after_it(outcome: FhirResponse | Failure) -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        reading = asyncio.create_task(practice.get())
        await asyncio.sleep(0.01)
        practice.answer = outcome
        writing = asyncio.create_task(practice.write())
        await asyncio.sleep(0.01)
        practice.opened.set()
        await asyncio.gather(reading, writing, return_exceptions=True)
        practice.answer = json_response(PATIENT)
        assert "fwd=uri-miss" in status(await practice.get())

    run(scene)


def test_who_asks_after_a_write_does_not_share_a_query_from_before_it() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        before = asyncio.create_task(practice.get())
        await asyncio.sleep(0.01)
        writing = asyncio.create_task(practice.write())
        await asyncio.sleep(0.01)
        after = asyncio.create_task(practice.get())
        await asyncio.sleep(0.01)
        practice.opened.set()
        await asyncio.gather(before, writing, after)
        assert len(practice.asked) == 3

    run(scene)


def test_a_write_whose_client_left_goes_on_and_makes_stale_after_it() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        writing = asyncio.create_task(practice.write())
        await asyncio.sleep(0.01)
        writing.cancel()
        await asyncio.sleep(0)
        reading = asyncio.create_task(practice.get())
        await asyncio.sleep(0.01)
        practice.opened.set()
        await reading
        await asyncio.sleep(0.01)
        assert practice.asked == ["PUT Patient/1?", "GET Patient/1?"]
        assert "fwd=uri-miss" in status(await practice.get())

    run(scene)


def test_a_booking_makes_slots_stale_but_not_the_directory() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = json_response({"resourceType": "Slot", "id": "1"})
        await practice.get("Slot/1")
        practice.answer = json_response({"resourceType": "Location", "id": "1"})
        await practice.get("Location/1")
        await practice.cached(fhir_request("Appointment", method="POST", headers=(KEY,)))
        assert "hit" in status(await practice.get("Location/1"))
        practice.answer = json_response({"resourceType": "Slot", "id": "1"})
        assert "fwd=uri-miss" in status(await practice.get("Slot/1"))

    run(scene)


def test_different_callers_never_share_unless_they_are_said_to_be_one() -> None:
    async def scene() -> None:
        practice = Practice()
        await practice.get()
        assert "fwd" in status(await practice.get(ocp_apim_subscription_key="other"))
        groups = {caller(((KEY[0], each),)): "one firm" for each in ("demo", "other")}
        shared = Practice(shared_callers=groups)
        await shared.get()
        assert "hit" in status(await shared.get(ocp_apim_subscription_key="other"))
        assert "fwd" in status(await shared.get(ocp_apim_subscription_key="third"))

    run(scene)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Patient/1/_history", ""),
        ("Appointment/$find-free", "start=2026-07-01"),
        ("Patient", "birthdate=ap1980-01-01"),
        ("Patient", "_lastUpdated=ge2026-07-01"),
    ],
)
def test_what_must_be_asked_each_time_is(path: str, query: str) -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = searchset()
        await practice.get(path, query)
        assert status(await practice.get(path, query)) == "halo-gateway; fwd=bypass; fwd-status=200"
        assert len(practice.asked) == 2

    run(scene)


def searchset(*resources: Mapping[str, object], mode: str = "match") -> FhirResponse:
    entries = [{"resource": each, "search": {"mode": mode}} for each in resources]
    return json_response({"resourceType": "Bundle", "type": "searchset", "entry": entries})


DOUBT = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]}


@pytest.mark.parametrize(
    "answer",
    [
        json_response({"resourceType": "OperationOutcome"}),
        json_response(PATIENT, cache_control="no-store"),
        json_response(PATIENT, cache_control="private"),
        json_response(PATIENT, cache_control="max-age=0"),
        json_response(PATIENT, vary="*"),
        json_response(PATIENT, status=206),
        json_response({**PATIENT, "text": "x" * 9_000_000}),
        FhirResponse(200, (), b"<html>"),
    ],
)
def test_what_is_not_whole_or_not_ours_to_keep_is_not_kept(answer: FhirResponse) -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = answer
        assert "stored" not in status(await practice.get())
        await practice.get()
        assert len(practice.asked) == 2

    run(scene)


def test_a_searchset_that_doubts_itself_is_not_kept() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = searchset(DOUBT, mode="outcome")
        assert "stored" not in status(await practice.get("Patient", "name=a"))

    run(scene)


def test_a_search_lives_as_long_as_the_shortest_lived_type_it_returned() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = searchset(PATIENT, {"resourceType": "Slot", "id": "1"})
        await practice.get("Patient", "name=a")
        assert status(await practice.get("Patient", "name=a")) == "halo-gateway; hit; ttl=5"

    run(scene)


def test_a_page_keeps_its_positions_and_what_was_ignored() -> None:
    async def scene() -> None:
        practice = Practice()
        pages = {"next": Position(1, "?token=2", unfiltered=True)}
        practice.answer = searchset(PATIENT).changed(
            pages=pages, ignored=frozenset({"x"}), repairs=("link-base-url",)
        )
        first = await practice.get("Patient", "name=a")
        second = await practice.get("Patient", "name=a")
        assert (second.pages, second.ignored) == (pages, first.ignored)
        assert second.repairs == ("link-base-url",)
        assert second.body == first.closed().body

    run(scene)


def test_nothing_there_is_remembered_for_five_seconds() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = Failure(NOT_FOUND, diagnostics="upstream=halo-connect")
        for _ in range(2):
            with pytest.raises(Failure) as missing:
                await practice.get()
        assert missing.value.kind == NOT_FOUND
        assert dict(missing.value.headers) == {"cache-status": "halo-gateway; hit; ttl=5", "age": "0"}
        practice.later(5)
        with pytest.raises(Failure):
            await practice.get()
        assert len(practice.asked) == 2

    run(scene)


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


def test_no_store_leaves_nothing_behind() -> None:
    async def scene() -> None:
        practice = Practice()
        first = await practice.get(cache_control="no-store")
        assert status(first) == "halo-gateway; fwd=request; fwd-status=200"
        assert practice.store.size == 0

    run(scene)


def test_a_client_that_has_the_answer_gets_a_304() -> None:
    async def scene() -> None:
        practice = Practice()
        tag = (await practice.get()).header("etag")
        again = await practice.get(if_none_match=tag)
        assert tag.startswith('W/"gw-')
        assert (again.status, again.body, again.header("etag")) == (304, b"", tag)

    run(scene)


AWAY = Freshness(stale={"Patient": 300, "*": 300})


def test_a_stale_answer_is_given_only_while_the_practice_is_away_and_says_so() -> None:
    async def scene() -> None:
        practice = Practice(AWAY)
        practice.answer = searchset(PATIENT)
        await practice.get("Patient", "name=a")
        practice.later(100)
        practice.answer = Failure(UPSTREAM_TIMEOUT)
        stale = (await practice.get("Patient", "name=a")).closed()
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


def test_while_revalidating_the_old_answer_is_given_and_a_new_one_fetched() -> None:
    async def scene() -> None:
        practice = Practice(Freshness(revalidate={"Patient": 30}))
        await practice.get()
        practice.later(61)
        assert "detail=revalidating" in status(await practice.get())
        await asyncio.sleep(0.01)
        assert status(await practice.get()) == "halo-gateway; hit; ttl=60"
        assert len(practice.asked) == 2

    run(scene)


def test_off_asks_every_time() -> None:
    async def scene() -> None:
        practice = Practice(Freshness("off"))
        await practice.get()
        assert "fwd=bypass" in status(await practice.get())

    run(scene)


def test_what_is_at_no_site_is_none_of_the_caches_business() -> None:
    async def scene() -> None:
        practice = Practice()
        assert status(await practice.cached(asking().changed(site=None))) == ""

    run(scene)


def test_a_purge_makes_a_site_stale() -> None:
    async def scene() -> None:
        practice = Practice()
        request = asking()
        await practice.cached(request)
        assert request.site is not None
        await practice.cached.purge(request.site.guid)
        assert "fwd" in status(await practice.get())

    run(scene)


def test_names_in_the_store_show_nothing_of_the_question() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = searchset(PATIENT)
        await practice.get("Patient", "family=Zzyzx")
        names = [*practice.store._values, *practice.store._counters]
        assert not any("Zzyzx" in each or "demo" in each for each in names)

    run(scene)
