"""Metering of upstream requests and savings."""

import asyncio

import pytest
from structlog.testing import capture_logs
from support.event_loop import turns
from support.ledger import RecordingSink, ledger_names
from support.requests import NOW, fhir_request, json_response

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler
from gateway.fhir.interaction import Interaction
from gateway.fhir.raw_json import UnreadableError
from gateway.ledger.app_usage import AppUsage
from gateway.ledger.budgets import AppBudget
from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import CostClass
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.metering import SavingsMeter, UpstreamMeter
from gateway.ledger.recorder import Recorder
from gateway.repairs.inactive_records import INACTIVE_RECORDS
from gateway.request_effects import RequestEffects
from gateway.upstreams import failures as shared
from gateway.upstreams import halo_failures

pytestmark = pytest.mark.anyio

SEARCH = fhir_request("Patient", "family=Zzyzx")
RESPONSE = json_response({"resourceType": "Bundle"})
ERROR = json_response({"statusCode": 404, "message": "gone"}, 404)


def create_recorder(
    sink: RecordingSink, cap: DailyCap | None = None, app_usage: AppUsage | None = None
) -> Recorder:
    return Recorder(
        sink, DailyUsage(lambda _: cap), sink, ledger_names(), now=lambda: NOW, app_usage=app_usage
    )


def upstream_with(result: FhirResponse | Exception) -> Handler:
    async def inner(request: FhirRequest) -> FhirResponse:
        if isinstance(result, Exception):
            raise result if isinstance(result, Failure) else type(result)(*result.args)
        return result

    return inner


async def call(handler: Handler, request: FhirRequest = SEARCH) -> FhirResponse | Exception:
    try:
        return await handler(request)
    except (Failure, UnreadableError, RuntimeError) as error:
        return error


async def call_both_meters(
    result: FhirResponse | Exception, request: FhirRequest = SEARCH
) -> tuple[RecordingSink, FhirResponse | Exception]:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    chain = SavingsMeter(UpstreamMeter(upstream_with(result), recorder), recorder)
    return sink, await call(chain, request)


def client_view(result: FhirResponse | Exception) -> object:
    """Result without the upstream requests behind it, which clients do not see."""
    if isinstance(result, FhirResponse):
        return result.with_upstream_use(NO_USE)
    return vars(result.with_upstream_use(NO_USE)) if isinstance(result, Failure) else repr(result)


NOT_FOUND = Failure(shared.NOT_FOUND, upstream_response=ERROR)
BUG = RuntimeError("bug")


@pytest.mark.parametrize(
    ("result", "cost", "octets"),
    [
        (RESPONSE, CostClass.BILLED, len(RESPONSE.body)),
        (NOT_FOUND, CostClass.BILLED, len(ERROR.body)),
        (Failure(catalog.UPSTREAM_TIMEOUT), CostClass.MAYBE_BILLED, 0),
        (Failure(catalog.UPSTREAM_RESET), CostClass.MAYBE_BILLED, 0),
        (Failure(halo_failures.OFFLINE, upstream_response=ERROR), CostClass.FREE, len(ERROR.body)),
        (Failure(catalog.UPSTREAM_CONNECT), CostClass.FREE, 0),
        (BUG, CostClass.MAYBE_BILLED, 0),
    ],
)
async def test_upstream_request_is_counted_once_and_passes_unchanged(
    result: FhirResponse | Exception, cost: CostClass, octets: int
) -> None:
    sink, outcome = await call_both_meters(result)
    assert client_view(outcome) == client_view(result)
    assert (sink.costs, sink.octets) == ([cost], [octets])


@pytest.mark.parametrize("result", [RESPONSE, Failure(catalog.UPSTREAM_TIMEOUT), BUG])
async def test_metadata_is_always_free(result: FhirResponse | Exception) -> None:
    assert (await call_both_meters(result, fhir_request("metadata")))[0].costs == [CostClass.FREE]


async def test_duration_of_upstream_request_is_measured() -> None:
    sink, times = RecordingSink(), iter((1.0, 1.25))
    await call(UpstreamMeter(upstream_with(RESPONSE), create_recorder(sink), lambda: next(times)))
    assert sink.seconds == [0.25]


async def test_cancelled_upstream_request_is_maybe_billed() -> None:
    sink = RecordingSink()

    async def never_respond(request: FhirRequest) -> FhirResponse:
        await asyncio.sleep(60)
        return RESPONSE

    task = asyncio.create_task(call(UpstreamMeter(never_respond, create_recorder(sink))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sink.costs == [CostClass.MAYBE_BILLED]


@pytest.mark.parametrize(
    ("result", "cost"),
    [
        (RESPONSE.with_header("cache-status", "halo-gateway; hit; ttl=3"), CostClass.HIT),
        (RESPONSE.with_header("cache-status", "halo-gateway; fwd=uri-miss; collapsed"), CostClass.COLLAPSED),
        (FhirResponse(304), CostClass.REVALIDATED),
        (RESPONSE, CostClass.EMPTY),
        (Failure(halo_failures.OFFLINE), CostClass.PAUSED),
        (Failure(catalog.DATE_SYNTAX), CostClass.FREE),
    ],
)
async def test_response_without_upstream_request_is_saved_or_free(
    result: FhirResponse | Exception, cost: CostClass
) -> None:
    sink = RecordingSink()
    outcome = await call(SavingsMeter(upstream_with(result), create_recorder(sink)))
    assert client_view(outcome) == client_view(result)
    assert sink.costs == [cost]
    assert sink.seconds == []


@pytest.mark.parametrize(
    ("error", "code"), [(BUG, "gateway-error"), (UnreadableError(), "upstream-not-fhir")]
)
@pytest.mark.parametrize("queries", [0, 1])
async def test_unexpected_exception_is_outside_the_ledger(error: Exception, code: str, queries: int) -> None:
    """Whether an upstream request came before it is unknown; a failure is one of the counted requests."""
    sink = RecordingSink()
    request = SEARCH.replace(effects=RequestEffects(queries=queries))
    await call(SavingsMeter(upstream_with(error), create_recorder(sink)), request)
    counted = [(cost, number) for _, cost, _, number in sink.requests]
    assert (sink.lines, sink.codes) == ([], [code])
    assert counted == ([] if queries else [(CostClass.FREE, 1)])


@pytest.mark.parametrize("error", [BUG, UnreadableError()], ids=["bug", "unreadable"])
async def test_exception_after_upstream_response_leaves_its_billed_row(error: Exception) -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    meter = UpstreamMeter(upstream_with(RESPONSE), recorder)

    async def fail_after_response(request: FhirRequest) -> FhirResponse:
        await meter(request)
        raise error

    assert await call(SavingsMeter(fail_after_response, recorder)) is error
    assert (sink.costs, sink.octets, len(sink.codes)) == ([CostClass.BILLED], [len(RESPONSE.body)], 1)


async def test_search_of_three_upstream_requests_counts_three() -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    meter = UpstreamMeter(upstream_with(RESPONSE), recorder)

    async def call_three_times(request: FhirRequest) -> FhirResponse:
        for _ in range(2):
            await meter(request)
        return await meter(request)

    await call(SavingsMeter(call_three_times, recorder))
    assert sink.costs == [CostClass.BILLED] * 3


def coalesce(inner: Handler) -> Handler:
    """Handler that shares one upstream request, in its own task, as the cache does."""
    tasks: list[asyncio.Task[FhirResponse]] = []

    async def run_shared(request: FhirRequest) -> FhirResponse:
        is_leader = not tasks
        if is_leader:
            tasks.append(asyncio.create_task(_call_inner(inner, request)))
        try:
            response = await asyncio.shield(tasks[0])
        except Failure as failure:
            raise failure.with_upstream_use(failure.upstream_use if is_leader else NO_USE) from None
        status = "fwd=uri-miss; stored" if is_leader else "fwd=uri-miss; collapsed"
        own = response if is_leader else response.with_upstream_use(NO_USE)
        return own.with_header("cache-status", f"halo-gateway; {status}")

    return run_shared


async def _call_inner(inner: Handler, request: FhirRequest) -> FhirResponse:
    return await inner(request)


async def respond_slowly(request: FhirRequest) -> FhirResponse:
    await turns()
    return RESPONSE


async def time_out_slowly(request: FhirRequest) -> FhirResponse:
    await turns()
    raise Failure(catalog.UPSTREAM_TIMEOUT)


@pytest.mark.parametrize(
    ("inner", "cost"), [(respond_slowly, CostClass.BILLED), (time_out_slowly, CostClass.MAYBE_BILLED)]
)
async def test_coalesced_requests_count_one_upstream_request(inner: Handler, cost: CostClass) -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    chain = SavingsMeter(coalesce(UpstreamMeter(inner, recorder)), recorder)
    await asyncio.gather(*(call(chain) for _ in range(50)))
    assert sink.costs.count(cost) == 1
    assert sink.costs.count(CostClass.COLLAPSED) == 49
    assert len(sink.costs) == 50


async def test_background_refresh_is_counted_besides_the_hit() -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    meter = UpstreamMeter(upstream_with(RESPONSE), recorder)

    async def refresh(request: FhirRequest) -> FhirResponse:
        await asyncio.create_task(_call_inner(meter, request))
        return RESPONSE.with_header("cache-status", "halo-gateway; hit; ttl=-2")

    await call(SavingsMeter(refresh, recorder))
    assert sink.costs == [CostClass.BILLED, CostClass.HIT]


async def test_concurrent_hit_and_upstream_requests_are_counted_separately() -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    upstream = SavingsMeter(UpstreamMeter(respond_slowly, recorder), recorder)
    hit = RESPONSE.with_header("cache-status", "halo-gateway; hit")
    cache = SavingsMeter(upstream_with(hit), recorder)
    await asyncio.gather(call(upstream), call(cache), call(upstream))
    assert sorted(sink.costs) == [CostClass.HIT, CostClass.BILLED, CostClass.BILLED]


async def test_reached_cap_rejects_batch_but_not_metadata_or_interactive_requests() -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink, DailyCap(queries=2, rejects_batch=True))
    chain = SavingsMeter(UpstreamMeter(upstream_with(RESPONSE), recorder), recorder)
    background = (("priority", "u=7"),)
    batch, metadata = SEARCH.replace(headers=background), fhir_request("metadata", headers=background)
    with capture_logs():
        results = [await call(chain, request) for request in (batch, batch, batch, SEARCH, metadata)]
    third = results.pop(2)
    assert [client_view(result) for result in results] == [RESPONSE] * 4
    assert isinstance(third, Failure)
    assert (third.kind.status, third.retry_after) == (429, 12 * 3_600)
    assert sink.costs == [
        CostClass.BILLED,
        CostClass.BILLED,
        CostClass.PAUSED,
        CostClass.BILLED,
        CostClass.FREE,
    ]
    assert sink.codes == ["site-cap"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NOT_FOUND, "resource-not-found"),
        (UnreadableError(), "upstream-not-fhir"),
        (BUG, "gateway-error"),
    ],
)
async def test_failures_are_counted_by_code(error: Exception, code: str) -> None:
    assert (await call_both_meters(error))[0].codes == [code]


async def test_response_counts_active_and_applied_repairs() -> None:
    sink, _ = await call_both_meters(RESPONSE.replace(applied_repairs=("link-base-url",)))
    ((_, fired, active),) = sink.repairs
    assert fired == ("link-base-url",)
    assert {"link-base-url", "last-updated-offset"} <= set(active)
    assert not {"error-envelope", "sql-parameter-conversion"} & set(active)


async def test_upstream_error_counts_the_repair_of_errors_only() -> None:
    ((_, fired, active),) = (await call_both_meters(NOT_FOUND))[0].repairs
    assert fired == active == ["error-envelope"]


async def test_response_without_upstream_request_counts_no_repairs() -> None:
    sink = RecordingSink()
    hit = RESPONSE.replace(applied_repairs=("link-base-url",)).with_header(
        "cache-status", "halo-gateway; hit"
    )
    await call(SavingsMeter(upstream_with(hit), create_recorder(sink)))
    timeout_sink, _ = await call_both_meters(Failure(catalog.UPSTREAM_TIMEOUT))
    assert sink.repairs == timeout_sink.repairs == []


async def test_search_for_inactive_records_counts_their_repair() -> None:
    sink = RecordingSink()
    empty = RESPONSE.replace(applied_repairs=("inactive-records",))
    await call(SavingsMeter(upstream_with(empty), create_recorder(sink)))
    refused_sink, _ = await call_both_meters(Failure(INACTIVE_RECORDS))
    for repairs in (sink.repairs, refused_sink.repairs):
        ((_, fired, active),) = repairs
        assert fired == active == ["inactive-records"]


async def test_used_hard_budget_ends_queries_but_no_writes() -> None:
    sink, usage = RecordingSink(), AppUsage({"board": AppBudget({"queries_per_day": 1}, is_hard=True)})
    recorder = create_recorder(sink, app_usage=usage)
    chain = SavingsMeter(UpstreamMeter(upstream_with(RESPONSE), recorder), recorder)
    board = SEARCH.replace(app="board")
    create = board.replace(method="POST", interaction=Interaction("create", "Patient"))
    metadata = board.replace(interaction=Interaction("capabilities"))
    requests = (board, board, create, metadata, SEARCH.replace(app="other"))
    first, second, *others = [await call(chain, request) for request in requests]
    assert [client_view(result) for result in (first, *others)] == [RESPONSE] * 4
    assert isinstance(second, Failure)
    assert (second.kind.code, second.kind.status) == ("app-budget-used", 429)
    assert sink.codes == ["app-budget-used"]
    assert [key.cost for key, _ in sink.lines] == [
        CostClass.BILLED,
        CostClass.PAUSED,
        CostClass.BILLED,
        CostClass.FREE,
        CostClass.BILLED,
    ]
    assert [key.app for key, _ in sink.lines] == ["board"] * 4 + ["other"]
