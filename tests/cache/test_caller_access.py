"""Access of callers: a refused key ends what is stored for it, a group needs a response to each member."""

from dataclasses import replace

import pytest
from support.cache import KEY, Practice, get_request, status
from support.requests import SITE, json_response

from gateway.cache.freshness import Freshness
from gateway.cache.invalidation import InvalidationCounters
from gateway.cache.response_cache import ResponseCache
from gateway.errors.failure import Failure, FailureKind
from gateway.http.callers import fingerprint
from gateway.server.local_channel import LocalChannel, SharedRings
from gateway.server.worker_store import WorkerStore
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import CREDENTIALS_INVALID, FORBIDDEN, RATE_LIMITED, UNAVAILABLE

pytestmark = pytest.mark.anyio

OTHER = {"ocp_apim_subscription_key": "other"}
GROUP = {fingerprint(((KEY[0], key),)): "one firm" for key in ("demo", "other")}
LONG = Freshness(lifetimes={"Organization": 86_400})
ORGANIZATION = json_response({"resourceType": "Organization", "id": "1"})


def refusal(kind: FailureKind) -> Failure:
    return Failure(kind, upstream_response=json_response({}, kind.status))


async def refuse(practice: Practice, kind: FailureKind, path: str = "Slot/1", **headers: str) -> None:
    """Let the upstream refuse one request of a caller for another resource."""
    response, practice.response = practice.response, refusal(kind)
    with pytest.raises(Failure):
        await practice.get(path, **headers)
    practice.response = response


@pytest.mark.parametrize("kind", [CREDENTIALS_INVALID, FORBIDDEN])
async def test_refused_caller_gets_nothing_that_was_stored(kind: FailureKind) -> None:
    practice = Practice()
    for headers in ({}, OTHER):
        await practice.get(**headers)
    await refuse(practice, kind)
    assert "fwd" in status(await practice.get())
    assert "hit" in status(await practice.get(**OTHER))


async def test_caller_that_is_served_again_gets_what_is_stored_since() -> None:
    practice = Practice()
    await refuse(practice, CREDENTIALS_INVALID)
    practice.advance(1)
    await practice.get()
    assert "hit" in status(await practice.get())


@pytest.mark.parametrize("kind", [RATE_LIMITED, UNAVAILABLE])
async def test_other_failure_leaves_what_is_stored(kind: FailureKind) -> None:
    practice = Practice()
    await practice.get()
    await refuse(practice, kind)
    assert "hit" in status(await practice.get())


async def test_refusal_ends_a_response_that_is_ready() -> None:
    practice = Practice()
    await practice.get()
    validity = (await practice.get()).cache_validity
    assert validity is not None
    assert validity.is_locally_current()
    await refuse(practice, CREDENTIALS_INVALID, **OTHER)
    assert validity.is_locally_current()
    await refuse(practice, CREDENTIALS_INVALID)
    assert not validity.is_locally_current()


async def test_member_is_served_from_the_group_for_an_hour() -> None:
    practice = Practice(LONG, shared_callers=GROUP)
    practice.response = ORGANIZATION
    for headers in (OTHER, {}):
        await practice.get("Organization/1", **headers)
    validity = (await practice.get("Organization/1", **OTHER)).cache_validity
    assert validity is not None
    assert validity.fresh_seconds == 3_600
    practice.advance(3_601)
    cache_statuses = [status(await practice.get("Organization/1", **OTHER)) for _ in range(2)]
    assert ["hit" in each for each in cache_statuses] == [False, True]


async def test_refused_member_gets_nothing_of_its_group() -> None:
    practice = Practice(LONG, shared_callers=GROUP)
    for headers in (OTHER, {}):
        await practice.get(**headers)
    await refuse(practice, CREDENTIALS_INVALID, **OTHER)
    practice.response = refusal(CREDENTIALS_INVALID)
    with pytest.raises(Failure):
        await practice.get(**OTHER)
    assert "hit" in status(await practice.get())


async def test_member_that_is_served_again_is_a_member_at_once() -> None:
    practice = Practice(LONG, shared_callers=GROUP)
    await practice.get(**OTHER)
    practice.advance(1)
    await refuse(practice, CREDENTIALS_INVALID, **OTHER)
    practice.advance(1)
    assert ["hit" in status(await practice.get(**OTHER)) for _ in range(2)] == [False, True]


async def test_search_without_a_query_makes_no_member() -> None:
    practice = Practice(LONG, shared_callers=GROUP)
    await practice.get()
    request = get_request("Patient", **OTHER)
    await practice.cache(request.with_plan(split_searches=()))
    assert "fwd" in status(await practice.get(**OTHER))


async def test_replicas_share_refusals() -> None:
    practice = Practice(lock_seconds=1.0)
    replica = ResponseCache(practice.upstream, practice.store, practice.config, practice.clock)
    await practice.get()
    response, practice.response = practice.response, refusal(CREDENTIALS_INVALID)
    with pytest.raises(Failure):
        await replica(get_request("Slot/1"))
    practice.response = response
    practice.advance(6)
    assert "fwd" in status(await practice.get())


async def test_refusal_at_one_worker_ends_what_the_other_has_ready() -> None:
    practice, rings = Practice(), SharedRings(2, 65_536)
    channels = [LocalChannel(rings, number) for number in range(2)]
    first, second = (
        ResponseCache(
            practice.upstream,
            store,
            practice.config,
            practice.clock,
            InvalidationCounters(store, channel=line),
        )
        for line, store in (
            (line, WorkerStore(MemoryStore(clock=practice._timestamp), line)) for line in channels
        )
    )
    for _ in range(2):
        validity = (await second(get_request())).cache_validity
    practice.response = refusal(CREDENTIALS_INVALID)
    with pytest.raises(Failure):
        await first(get_request("Slot/1"))
    assert not channels[1].is_current()
    assert validity
    assert not validity.is_locally_current()
    with pytest.raises(Failure):
        await second(get_request())


async def test_response_read_before_a_refusal_is_not_kept_ready() -> None:
    practice = Practice()
    await practice.get()
    lookup = await practice.cache._lookup_of(get_request(), SITE)
    assert lookup
    await refuse(practice, CREDENTIALS_INVALID)
    validity = (await practice.cache._serve_lookup(lookup)).cache_validity
    assert validity
    assert not validity.is_locally_current()


async def test_refusals_of_many_sites_end_all_that_is_stored() -> None:
    practice = Practice(LONG)
    await practice.get()
    response = practice.response
    practice.response = refusal(FORBIDDEN)
    for number in range(101):
        request = get_request("Slot/1").replace(site=replace(SITE, guid=f"site-{number}"))
        with pytest.raises(Failure):
            await practice.cache(request)
    practice.response = response
    assert "fwd" in status(await practice.get())
