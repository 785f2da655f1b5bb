"""Polls held open."""

import asyncio
from collections.abc import Callable
from time import monotonic

import pytest
from support.requests import GUID, fhir_request, json_response
from support.scripted_upstream import ScriptedUpstream
from support.stopwatch import Stopwatch

from benchmarks.day.virtual import Clock, run_simulated
from gateway.errors.failure import Failure
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler, UpstreamUse
from gateway.http.callers import is_background
from gateway.sql.held_polls import MAX_HELD, MAX_HELD_PER_CALLER, HeldPolls, is_held
from gateway.upstreams.failures import RATE_LIMITED, UNAVAILABLE
from gateway.upstreams.halo_failures import UNREACHABLE

pytestmark = pytest.mark.anyio

PATH = f"integrator/sites/{GUID}/queries/q-1"
KEY = ("ocp-apim-subscription-key", "demo-key")


def state(name: str) -> FhirResponse:
    return json_response({"id": "q-1", "status": name}).replace(upstream_use=UpstreamUse(1, 0.1))


QUEUED, EXECUTING, SUCCESSFUL = map(state, ("queued", "executing", "successful"))


def poll(
    prefer: str = "wait=20", path: str = PATH, key: str = "demo-key", method: str = "GET"
) -> FhirRequest:
    headers = ((KEY[0], key), *((("prefer", prefer),) if prefer else ()))
    base = "https://api.haloconnect.io"
    return fhir_request("Patient", method=method, headers=headers, upstream_base=base, site=None).replace(
        path=path
    )


def held(
    inner: Handler, has_ended: asyncio.Event | None = None, clock: Callable[[], float] = monotonic
) -> HeldPolls:
    return HeldPolls(
        inner,
        lambda request: request.header(KEY[0]),
        has_ended or asyncio.Event(),
        clock=clock,
        jitter=lambda: 0.0,
    )


def hold_in_simulated_time(inner: Handler, request: FhirRequest) -> tuple[FhirResponse, float]:
    """Response to a poll, and the seconds after which it came."""
    clock = Clock()
    handler = held(inner, clock=lambda: clock.seconds)
    return run_simulated(clock, lambda: handler(request)), clock.seconds


class SlowUpstream(ScriptedUpstream):
    """Answers after a time."""

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        response = await super().__call__(request)
        await asyncio.sleep(0.2)
        return response


@pytest.mark.parametrize(
    ("prefer", "path", "method", "expected"),
    [
        ("wait=1", PATH, "GET", True),
        ("wait=1", PATH, "HEAD", True),
        ("wait=0", PATH, "GET", False),
        ("", PATH, "GET", False),
        ("respond-async", PATH, "GET", False),
        ("wait=1", f"{PATH}/results/1", "GET", False),
        ("wait=1", f"integrator/sites/{GUID}/queries/registered", "GET", False),
        ("wait=1", f"integrator/sites/{GUID}/queries/immediate", "POST", False),
        ("wait=1", f"integrator/sites/{GUID}", "GET", False),
    ],
)
async def test_only_the_status_of_one_query_is_held(
    prefer: str, path: str, method: str, expected: bool
) -> None:
    request = poll(prefer, path, method=method)
    assert is_held(request) is expected
    upstream = ScriptedUpstream(EXECUTING, SUCCESSFUL)
    response = await held(upstream)(request)
    assert len(upstream.requests) == 1 + expected
    assert (response.header("preference-applied") == "wait=1") is expected


async def test_query_is_polled_until_it_is_final() -> None:
    upstream = ScriptedUpstream(QUEUED, EXECUTING, SUCCESSFUL, QUEUED)
    with Stopwatch() as wait:
        response = await held(upstream)(poll())
    assert (response.body, response.header("preference-applied")) == (SUCCESSFUL.body, "wait=20")
    assert (len(upstream.requests), response.upstream_use.requests) == (3, 3)
    assert wait.elapsed > 0.7
    assert wait.seconds < 3
    assert [is_background(request.headers) for request in upstream.requests] == [False, True, True]


def test_last_answer_is_given_when_the_time_is_over() -> None:
    upstream = ScriptedUpstream(QUEUED, EXECUTING)
    response, seconds = hold_in_simulated_time(upstream, poll("wait=1"))
    assert (response.status, response.body) == (200, EXECUTING.body)
    assert 0.4 < seconds < 1.5
    assert len(upstream.requests) == 3


async def answer_first_poll_only(request: FhirRequest) -> FhirResponse:
    if is_background(request.headers):
        await asyncio.sleep(30)
    return QUEUED


async def test_poll_upstream_does_not_outlast_the_hold() -> None:
    with Stopwatch() as wait:
        assert (await held(answer_first_poll_only)(poll("wait=1"))).body == QUEUED.body
    assert wait.elapsed > 0.9
    assert wait.seconds < 2


async def test_preference_is_limited_to_thirty_seconds() -> None:
    response = await held(ScriptedUpstream(SUCCESSFUL))(poll("wait=600"))
    assert response.header("preference-applied") == "wait=30"


async def test_failure_of_the_query_is_raised_at_once() -> None:
    failure = Failure(UNREACHABLE, upstream_response=FhirResponse(503))
    upstream = ScriptedUpstream(QUEUED, failure.with_upstream_use(UpstreamUse(1, 0.1)))
    with pytest.raises(Failure) as raised:
        await held(upstream)(poll())
    assert raised.value.kind is UNREACHABLE
    assert (raised.value.upstream_use.requests, len(upstream.requests)) == (2, 2)


REFUSAL = Failure(RATE_LIMITED, retry_after=5)


def test_refusal_by_the_gateway_is_no_answer() -> None:
    upstream = ScriptedUpstream(EXECUTING, REFUSAL)
    response, seconds = hold_in_simulated_time(upstream, poll("wait=1"))
    assert (response.body, response.header("preference-applied")) == (EXECUTING.body, "wait=1")
    assert 0.9 < seconds < 1.5
    assert len(upstream.requests) == 3


async def test_failure_that_passes_is_waited_out() -> None:
    assert await state_after(REFUSAL) == SUCCESSFUL.body
    passing = Failure(RATE_LIMITED, retry_after=0, upstream_response=FhirResponse(429))
    assert await state_after(passing.with_upstream_use(UpstreamUse(1, 0.1))) == SUCCESSFUL.body
    assert await state_after(Failure(UNAVAILABLE, retry_after=30)) == EXECUTING.body


async def state_after(failure: Failure) -> bytes:
    """Body that a client gets if its second poll fails."""
    return (await held(ScriptedUpstream(EXECUTING, failure, SUCCESSFUL))(poll("wait=1"))).body


async def test_further_poll_may_wait_as_long_as_its_hold() -> None:
    upstream = ScriptedUpstream(EXECUTING, Failure(RATE_LIMITED), EXECUTING, SUCCESSFUL)
    started = monotonic()
    await held(upstream)(poll("wait=20").replace(deadline=started))
    deadlines = [request.deadline - started for request in upstream.requests]
    assert deadlines == pytest.approx([0, 10, 20, 11], abs=4)
    assert [is_background(request.headers) for request in upstream.requests] == [False, True, False, True]


async def test_first_poll_does_not_share_one_behind_others() -> None:
    handler = held(answer_first_poll_only)
    first = asyncio.create_task(handler(poll("wait=8")))
    await asyncio.sleep(0.5)
    with Stopwatch() as wait:
        await handler(poll("wait=1"))
    assert wait.seconds < 4  # behind the others it would last as long as the first
    await cancel(first)


async def test_end_of_the_gateway_ends_a_poll_in_a_queue() -> None:
    has_ended = asyncio.Event()
    waiting = asyncio.create_task(held(answer_first_poll_only, has_ended)(poll("wait=20")))
    await asyncio.sleep(0.5)
    has_ended.set()
    assert (await asyncio.wait_for(waiting, 10)).body == QUEUED.body


async def test_equal_polls_of_one_caller_share_upstream_polls() -> None:
    upstream = SlowUpstream(QUEUED, SUCCESSFUL)
    handler = held(upstream)
    responses = await asyncio.gather(*(handler(poll()) for _ in range(10)))
    assert {response.body for response in responses} == {SUCCESSFUL.body}
    assert len(upstream.requests) == 2
    assert sum(response.upstream_use.requests for response in responses) == 2
    assert NO_USE in {response.upstream_use for response in responses}


async def test_polls_of_other_callers_and_queries_are_not_shared() -> None:
    upstream = SlowUpstream(SUCCESSFUL)
    handler = held(upstream)
    other = poll(path=PATH.replace("q-1", "q-2"))
    accepting = poll().replace(headers=(*poll().headers, ("accept", "application/fhir+json")))
    await asyncio.gather(
        *map(handler, (poll(), poll(key="other-key"), other, accepting, poll(method="HEAD")))
    )
    assert len(upstream.requests) == 5


async def test_polls_beyond_the_limit_of_a_caller_are_not_held() -> None:
    handler = held(ScriptedUpstream(QUEUED))
    tasks = [asyncio.create_task(handler(poll())) for _ in range(MAX_HELD_PER_CALLER)]
    await asyncio.sleep(0.05)
    assert handler.held_count == MAX_HELD_PER_CALLER
    refused = await asyncio.wait_for(handler(poll()), 10)
    assert (refused.body, refused.header("preference-applied")) == (QUEUED.body, "")
    other = asyncio.create_task(handler(poll(key="other-key")))
    await asyncio.sleep(0.05)
    assert handler.held_count == MAX_HELD_PER_CALLER + 1
    await cancel(*tasks, other)
    assert (handler.held_count, handler._held_by_caller) == (0, {})


async def test_polls_beyond_the_limit_of_all_callers_are_not_held() -> None:
    handler = held(ScriptedUpstream(QUEUED))
    tasks = [asyncio.create_task(handler(poll(key=f"key-{n % 10}"))) for n in range(MAX_HELD + 20)]
    await asyncio.sleep(0.1)
    assert handler.held_count == MAX_HELD
    assert sum(task.done() for task in tasks) == 20
    await cancel(*tasks)


async def test_poll_upstream_ends_with_its_last_client() -> None:
    cancelled = asyncio.Event()

    async def inner(request: FhirRequest) -> FhirResponse:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return QUEUED

    handler = held(inner)
    first, second = (asyncio.create_task(handler(poll())) for _ in range(2))
    await asyncio.sleep(0.05)
    await cancel(first)
    assert not cancelled.is_set()
    await cancel(second)
    assert cancelled.is_set()


async def test_end_of_the_gateway_ends_the_hold() -> None:
    has_ended = asyncio.Event()
    waiting = asyncio.create_task(held(ScriptedUpstream(QUEUED), has_ended)(poll()))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    has_ended.set()
    assert (await asyncio.wait_for(waiting, 10)).body == QUEUED.body


async def cancel(*tasks: "asyncio.Task[FhirResponse]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)
