"""Hits, coalesced fetches and separation of callers in the response cache."""

import asyncio

import pytest
from support.cache import KEY, PATIENT, Practice, get_request, searchset, status
from support.event_loop import turns
from support.requests import fhir_request, json_response

from gateway.cache.freshness import Freshness
from gateway.cache.response_cache import CacheBypass, ResponseCache
from gateway.errors.catalog import APP_BUDGET_USED, UPSTREAM_TIMEOUT
from gateway.errors.failure import Failure
from gateway.exchange import NO_USE, FhirResponse, UpstreamUse
from gateway.http.callers import fingerprint
from gateway.ledger.caps import SITE_CAP
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import CREDENTIALS_INVALID, NOT_FOUND

pytestmark = pytest.mark.anyio

BATCH, INTERACTIVE = {"priority": "u=7"}, dict[str, str]()


class SharedStore(MemoryStore):
    """A store shared by replicas, whose reads take an iteration of the event loop."""

    read_count = 0

    async def get(self, name: str) -> bytes | None:
        self.read_count += 1
        await asyncio.sleep(0)
        return await super().get(name)


def start_requests(practice: Practice, *headers: dict[str, str]) -> list[asyncio.Task[FhirResponse]]:
    return [asyncio.create_task(practice.get(**request_headers)) for request_headers in headers]


async def outcomes_of_concurrent_requests(
    practice: Practice, first_failure: Failure, *headers: dict[str, str]
) -> list[str]:
    """Cache-Status or error code of each request; the first upstream request fails, later ones succeed."""
    practice.may_respond.clear()
    practice.response = first_failure
    tasks = start_requests(practice, headers[0])
    await turns()
    practice.response = json_response(PATIENT)
    tasks += start_requests(practice, *headers[1:])
    await turns()
    practice.may_respond.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [status(result) if isinstance(result, FhirResponse) else _error_code(result) for result in results]


def _error_code(error: BaseException) -> str:
    assert isinstance(error, Failure)
    return error.kind.code


async def test_repeated_request_is_hit_with_age() -> None:
    practice = Practice()
    first = await practice.get()
    practice.advance(7)
    second = await practice.get()
    assert status(first) == "halo-gateway; fwd=uri-miss; fwd-status=200; stored"
    assert (status(second), second.header("age")) == ("halo-gateway; hit; ttl=53", "7")
    assert (second.body, first.header("age"), len(practice.upstream_requests)) == (first.body, "", 1)
    assert second.header("cache-control") == "private, no-cache"


async def test_expired_response_is_fetched_again() -> None:
    practice = Practice()
    await practice.get()
    practice.advance(60)
    assert "fwd=" in status(await practice.get())
    assert len(practice.upstream_requests) == 2


async def test_fifty_concurrent_requests_cost_one_query() -> None:
    practice = Practice()
    practice.may_respond.clear()
    tasks = start_requests(practice, *[INTERACTIVE] * 50)
    await turns()
    practice.may_respond.set()
    responses = await asyncio.gather(*tasks)
    assert len(practice.upstream_requests) == 1
    assert sum("collapsed" in status(response) for response in responses) == 49


@pytest.mark.parametrize("is_stored", [False, True], ids=["cold", "stored"])
async def test_fifty_concurrent_requests_cost_few_store_reads(is_stored: bool) -> None:
    practice, store = Practice(lock_seconds=1.0), SharedStore()
    practice.cache = ResponseCache(practice.upstream, store, practice.config, practice.clock)
    if is_stored:
        await practice.get()
    store.read_count = 0
    await asyncio.gather(*(practice.get() for _ in range(50)))
    assert (len(practice.upstream_requests), store.read_count <= 4) == (1, True)


async def test_fetch_is_stored_after_client_disconnect() -> None:
    practice = Practice()
    practice.may_respond.clear()
    (task,) = start_requests(practice, INTERACTIVE)
    await turns()
    task.cancel()
    await asyncio.sleep(0)
    practice.may_respond.set()
    await turns()
    assert "hit" in status(await practice.get())


async def test_failed_fetch_fails_all_waiting_requests() -> None:
    practice = Practice()
    practice.may_respond.clear()
    practice.response = Failure(UPSTREAM_TIMEOUT)
    tasks = start_requests(practice, *[INTERACTIVE] * 5)
    await turns()
    practice.may_respond.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [
        result for result in results if isinstance(result, Failure) and result.kind is UPSTREAM_TIMEOUT
    ]
    assert len({id(failure) for failure in failures}) == 5
    assert sum("collapsed" in dict(failure.headers)["cache-status"] for failure in failures) == 4
    assert len(practice.upstream_requests) == 1
    practice.response = json_response(PATIENT)
    assert "fwd=uri-miss" in status(await practice.get())


async def test_rejected_batch_fetch_does_not_reject_interactive_requests() -> None:
    practice = Practice()
    outcomes = await outcomes_of_concurrent_requests(
        practice, Failure(SITE_CAP), BATCH, BATCH, INTERACTIVE, INTERACTIVE
    )
    assert outcomes[:2] == ["site-cap", "site-cap"]
    assert [outcome.split("; ")[1:] for outcome in outcomes[2:]] == [
        ["fwd=uri-miss", "fwd-status=200", "stored"],
        ["fwd=uri-miss", "fwd-status=200", "stored", "collapsed"],
    ]
    assert len(practice.upstream_requests) == 2


async def test_refused_app_does_not_fail_another_app_of_its_caller() -> None:
    practice = Practice()
    practice.may_respond.clear()
    practice.response = Failure(APP_BUDGET_USED)
    boards = [asyncio.create_task(practice.cache(get_request().replace(app="board"))) for _ in range(2)]
    await turns()
    practice.response = json_response(PATIENT)
    letters = asyncio.create_task(practice.cache(get_request().replace(app="letters")))
    await turns()
    practice.may_respond.set()
    results = await asyncio.gather(*boards, letters, return_exceptions=True)
    assert [result.kind is APP_BUDGET_USED for result in results[:2] if isinstance(result, Failure)] == [
        True
    ] * 2
    assert isinstance(results[2], FhirResponse)
    assert results[2].status == 200


async def test_refused_key_does_not_fail_other_callers_of_group() -> None:
    groups = {fingerprint(((KEY[0], key),)): "one firm" for key in ("demo", "other")}
    practice = Practice(shared_callers=groups)
    outcomes = await outcomes_of_concurrent_requests(
        practice, Failure(CREDENTIALS_INVALID), {"ocp_apim_subscription_key": "other"}, {}
    )
    assert outcomes[0] == "upstream-credentials"
    assert "stored" in outcomes[1]


async def test_practice_failure_fails_batch_and_interactive_requests() -> None:
    practice = Practice()
    outcomes = await outcomes_of_concurrent_requests(practice, Failure(UPSTREAM_TIMEOUT), BATCH, INTERACTIVE)
    assert outcomes == ["upstream-timeout", "upstream-timeout"]
    assert len(practice.upstream_requests) == 1


async def test_batch_request_shares_interactive_fetch() -> None:
    practice = Practice()
    practice.may_respond.clear()
    tasks = start_requests(practice, INTERACTIVE, BATCH)
    await turns()
    practice.may_respond.set()
    responses = await asyncio.gather(*tasks)
    assert ("collapsed" in status(responses[1]), len(practice.upstream_requests)) == (True, 1)


@pytest.mark.parametrize("directive", ["no-cache", "max-age=0"])
async def test_new_fetch_directive_shares_only_later_fetch(directive: str) -> None:
    practice = Practice()
    practice.may_respond.clear()
    first = start_requests(practice, INTERACTIVE)
    await turns()
    later = start_requests(practice, *[{"cache_control": directive}] * 20)
    await turns()
    practice.may_respond.set()
    await asyncio.gather(*first, *later)
    assert len(practice.upstream_requests) == 2


async def test_callers_share_responses_only_within_group() -> None:
    practice = Practice()
    await practice.get()
    assert "fwd" in status(await practice.get(ocp_apim_subscription_key="other"))
    groups = {fingerprint(((KEY[0], key),)): "one firm" for key in ("demo", "other")}
    sharing = Practice(shared_callers=groups)
    await sharing.get()
    assert "fwd" in status(await sharing.get(ocp_apim_subscription_key="other"))
    assert "hit" in status(await sharing.get(ocp_apim_subscription_key="other"))
    assert "hit" in status(await sharing.get())
    assert "fwd" in status(await sharing.get(ocp_apim_subscription_key="third"))


async def test_not_found_is_stored_for_five_seconds() -> None:
    practice = Practice()
    practice.response = Failure(NOT_FOUND, diagnostics="upstream=halo-connect")
    for _ in range(2):
        with pytest.raises(Failure) as not_found:
            await practice.get()
    assert not_found.value.kind == NOT_FOUND
    assert dict(not_found.value.headers) == {"cache-status": "halo-gateway; hit; ttl=5", "age": "0"}
    practice.advance(5)
    with pytest.raises(Failure):
        await practice.get()
    assert len(practice.upstream_requests) == 2


async def test_client_with_current_etag_gets_304() -> None:
    practice = Practice()
    etag = (await practice.get()).header("etag")
    second = await practice.get(if_none_match=etag)
    assert etag.startswith('W/"gw-')
    assert (second.status, second.body, second.header("etag")) == (304, b"", etag)


async def test_profile_off_bypasses_cache() -> None:
    practice = Practice(Freshness("off"))
    await practice.get()
    assert "fwd=bypass" in status(await practice.get())


async def test_request_without_site_bypasses_cache() -> None:
    practice = Practice()
    for handler in (practice.cache, CacheBypass(practice.upstream)):
        read_status = status(await handler(get_request().replace(site=None)))
        assert read_status == "halo-gateway; fwd=bypass; fwd-status=200"
        write_status = status(await handler(fhir_request("Patient", method="POST", site=None)))
        assert write_status == "halo-gateway; fwd=method; fwd-status=200"


async def test_search_without_possible_matches_is_not_forwarded() -> None:
    practice = Practice()
    response = await practice.cache(get_request("Patient").with_plan(split_searches=()))
    assert status(response) == "halo-gateway; detail=empty"


async def test_store_keys_reveal_neither_search_nor_caller() -> None:
    practice = Practice()
    practice.response = searchset(PATIENT)
    await practice.get("Patient", "family=Zzyzx")
    names = [*practice.store._values, *practice.store._counters]
    assert not any("Zzyzx" in name or "demo" in name for name in names)


ONE_REQUEST = UpstreamUse(1, 0.5)


@pytest.mark.parametrize(
    "fetched", [json_response(PATIENT), Failure(UPSTREAM_TIMEOUT)], ids=["response", "failure"]
)
async def test_only_the_first_coalesced_request_names_the_fetch(fetched: FhirResponse | Failure) -> None:
    practice = Practice()
    practice.may_respond.clear()
    practice.response = fetched.with_upstream_use(ONE_REQUEST)
    tasks = start_requests(practice, INTERACTIVE, INTERACTIVE)
    await turns()
    practice.may_respond.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    uses = [result.upstream_use for result in results if isinstance(result, FhirResponse | Failure)]
    assert (uses, len(practice.upstream_requests)) == ([ONE_REQUEST, NO_USE], 1)


async def test_hit_names_no_upstream_request() -> None:
    practice = Practice()
    practice.response = json_response(PATIENT).with_upstream_use(ONE_REQUEST)
    assert [(await practice.get()).upstream_use for _ in range(2)] == [ONE_REQUEST, NO_USE]


async def test_stale_response_names_the_failed_fetch_once() -> None:
    practice = Practice(Freshness(stale_if_error={"Patient": 300, "*": 300}))
    practice.response = searchset(PATIENT)
    await practice.get("Patient", "name=a")
    practice.advance(100)
    practice.may_respond.clear()
    practice.response = Failure(UPSTREAM_TIMEOUT).with_upstream_use(ONE_REQUEST)
    tasks = [asyncio.create_task(practice.get("Patient", "name=a")) for _ in range(2)]
    await turns()
    practice.may_respond.set()
    responses = await asyncio.gather(*tasks)
    assert [response.upstream_use for response in responses] == [ONE_REQUEST, NO_USE]
    assert all("practice-away" in status(response) for response in responses)
