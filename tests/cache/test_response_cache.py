"""One query for equal questions, for as long as the answer is fresh."""

import asyncio

import pytest
from support.cache import KEY, PATIENT, Practice, asking, run, searchset, status
from support.event_loop import turns
from support.requests import fhir_request, json_response

from gateway.cache.freshness import Freshness
from gateway.cache.response_cache import CacheBypass, ResponseCache
from gateway.errors.catalog import UPSTREAM_TIMEOUT
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.http.callers import fingerprint
from gateway.ledger.caps import SITE_CAP
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import CREDENTIALS_INVALID, NOT_FOUND


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
        await turns()
        practice.opened.set()
        answers = await asyncio.gather(*asked)
        assert len(practice.asked) == 1
        assert sum("collapsed" in status(each) for each in answers) == 49

    run(scene)


class Watched(MemoryStore):
    """A store that others share, each look at which takes a while."""

    looks = 0

    async def get(self, name: str) -> bytes | None:
        self.looks += 1
        await asyncio.sleep(0)
        return await super().get(name)


@pytest.mark.parametrize("known", [False, True], ids=["cold", "kept"])
def test_fifty_at_once_look_into_a_shared_store_a_few_times(known: bool) -> None:
    async def scene() -> None:
        practice, store = Practice(lock_seconds=1.0), Watched()
        practice.cached = ResponseCache(practice.upstream, store, practice.caching, lambda: practice.now)
        if known:
            await practice.get()
        store.looks = 0
        await asyncio.gather(*(practice.get() for _ in range(50)))
        assert (len(practice.asked), store.looks <= 4) == (1, True)

    run(scene)


def test_a_query_that_everybody_left_is_still_kept() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        left = asyncio.create_task(practice.get())
        await turns()
        left.cancel()
        await asyncio.sleep(0)
        practice.opened.set()
        await turns()
        assert "hit" in status(await practice.get())

    run(scene)


def test_a_failed_leader_tells_all_who_wait() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        practice.answer = Failure(UPSTREAM_TIMEOUT)
        asked = [asyncio.create_task(practice.get()) for _ in range(5)]
        await turns()
        practice.opened.set()
        given = await asyncio.gather(*asked, return_exceptions=True)
        failures = [each for each in given if isinstance(each, Failure) and each.kind is UPSTREAM_TIMEOUT]
        assert len({id(each) for each in failures}) == 5
        assert sum("collapsed" in dict(each.headers)["cache-status"] for each in failures) == 4
        assert len(practice.asked) == 1
        practice.answer = json_response(PATIENT)
        assert "fwd=uri-miss" in status(await practice.get())

    run(scene)


async def together(practice: Practice, first: Failure, *askers: dict[str, str]) -> list[str]:
    """What each gets where the first one's query fails, and any later one would succeed."""
    practice.opened.clear()
    practice.answer = first
    asked = [asyncio.create_task(practice.get(**askers[0]))]
    await turns()
    practice.answer = json_response(PATIENT)
    asked += [asyncio.create_task(practice.get(**each)) for each in askers[1:]]
    await turns()
    practice.opened.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return [status(each) if isinstance(each, FhirResponse) else _code(each) for each in answers]


def _code(problem: BaseException) -> str:
    assert isinstance(problem, Failure)
    return problem.kind.code


BATCH, CLINIC = {"priority": "u=7"}, dict[str, str]()


def test_what_stops_batch_work_stops_nobody_who_waits_with_it() -> None:
    async def scene() -> None:
        practice = Practice()
        answers = await together(practice, Failure(SITE_CAP), BATCH, BATCH, CLINIC, CLINIC)
        assert answers[:2] == ["site-cap", "site-cap"]
        assert [each.split("; ")[1:] for each in answers[2:]] == [
            ["fwd=uri-miss", "fwd-status=200", "stored"],
            ["fwd=uri-miss", "fwd-status=200", "stored", "collapsed"],
        ]
        assert len(practice.asked) == 2

    run(scene)


def test_a_refused_key_refuses_nobody_else_of_its_group() -> None:
    async def scene() -> None:
        groups = {fingerprint(((KEY[0], each),)): "one firm" for each in ("demo", "other")}
        practice = Practice(shared_callers=groups)
        other = {"ocp_apim_subscription_key": "other"}
        answers = await together(practice, Failure(CREDENTIALS_INVALID), other, {})
        assert answers[0] == "upstream-credentials"
        assert "stored" in answers[1]

    run(scene)


def test_what_failed_at_the_practice_failed_for_all_who_wait() -> None:
    async def scene() -> None:
        practice = Practice()
        answers = await together(practice, Failure(UPSTREAM_TIMEOUT), BATCH, CLINIC)
        assert answers == ["upstream-timeout", "upstream-timeout"]
        assert len(practice.asked) == 1

    run(scene)


def test_batch_work_shares_what_somebody_else_is_given() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        asked = [asyncio.create_task(practice.get(**each)) for each in (CLINIC, BATCH)]
        await turns()
        practice.opened.set()
        answers = await asyncio.gather(*asked)
        assert ("collapsed" in status(answers[1]), len(practice.asked)) == (True, 1)

    run(scene)


@pytest.mark.parametrize("directive", ["no-cache", "max-age=0"])
def test_who_wants_it_anew_shares_only_what_began_after_it_was_asked(directive: str) -> None:
    async def scene() -> None:
        practice = Practice()
        practice.opened.clear()
        first = asyncio.create_task(practice.get())
        await turns()
        fresh = [asyncio.create_task(practice.get(cache_control=directive)) for _ in range(20)]
        await turns()
        practice.opened.set()
        await asyncio.gather(first, *fresh)
        assert len(practice.asked) == 2

    run(scene)


def test_different_callers_never_share_unless_they_are_said_to_be_one() -> None:
    async def scene() -> None:
        practice = Practice()
        await practice.get()
        assert "fwd" in status(await practice.get(ocp_apim_subscription_key="other"))
        groups = {fingerprint(((KEY[0], each),)): "one firm" for each in ("demo", "other")}
        shared = Practice(shared_callers=groups)
        await shared.get()
        assert "hit" in status(await shared.get(ocp_apim_subscription_key="other"))
        assert "fwd" in status(await shared.get(ocp_apim_subscription_key="third"))

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


def test_a_client_that_has_the_answer_gets_a_304() -> None:
    async def scene() -> None:
        practice = Practice()
        tag = (await practice.get()).header("etag")
        again = await practice.get(if_none_match=tag)
        assert tag.startswith('W/"gw-')
        assert (again.status, again.body, again.header("etag")) == (304, b"", tag)

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
        for cached in (practice.cached, CacheBypass(practice.upstream)):
            passed = status(await cached(asking().replace(site=None)))
            assert passed == "halo-gateway; fwd=bypass; fwd-status=200"
            written = status(await cached(fhir_request("Patient", method="POST", site=None)))
            assert written == "halo-gateway; fwd=method; fwd-status=200"

    run(scene)


def test_what_provably_matches_nothing_was_neither_kept_nor_forwarded() -> None:
    async def scene() -> None:
        practice = Practice()
        empty = await practice.cached(asking("Patient").replace(split_searches=()))
        assert status(empty) == "halo-gateway; detail=empty"

    run(scene)


def test_names_in_the_store_show_nothing_of_the_question() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = searchset(PATIENT)
        await practice.get("Patient", "family=Zzyzx")
        names = [*practice.store._values, *practice.store._counters]
        assert not any("Zzyzx" in each or "demo" in each for each in names)

    run(scene)
