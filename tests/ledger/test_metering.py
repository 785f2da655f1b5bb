import asyncio

import pytest
from structlog.testing import capture_logs
from support.event_loop import turns
from support.ledger import Told
from support.requests import NOW, fhir_request, json_response

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.raw_json import UnreadableError
from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import CostClass
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.metering import SavingsMeter, UpstreamMeter
from gateway.ledger.recorder import Recorder
from gateway.upstreams import failures as shared
from gateway.upstreams import halo_failures

SEARCH = fhir_request("Patient", "family=Zzyzx")
ANSWER = json_response({"resourceType": "Bundle"})
ERROR = json_response({"statusCode": 404, "message": "gone"}, 404)


def recorder(told: Told, cap: DailyCap | None = None) -> Recorder:
    return Recorder(told, DailyUsage(lambda _: cap), told, now=lambda: NOW)


def giving(result: FhirResponse | Exception) -> Handler:
    async def inner(request: FhirRequest) -> FhirResponse:
        if isinstance(result, Exception):
            raise result
        return result

    return inner


async def asked(handler: Handler, request: FhirRequest = SEARCH) -> FhirResponse | Exception:
    try:
        return await handler(request)
    except (Failure, UnreadableError, RuntimeError) as problem:
        return problem


def both(
    result: FhirResponse | Exception, request: FhirRequest = SEARCH
) -> tuple[Told, FhirResponse | Exception]:
    """Counted around an upstream, Credited around that."""
    told = Told()
    told_by = recorder(told)
    chain = SavingsMeter(UpstreamMeter(giving(result), told_by), told_by)
    return told, asyncio.run(asked(chain, request))


RECEIVED = Failure(shared.NOT_FOUND, upstream_response=ERROR)
BUG = RuntimeError("bug")


@pytest.mark.parametrize(
    ("result", "cost", "octets"),
    [
        (ANSWER, CostClass.BILLED, len(ANSWER.body)),
        (RECEIVED, CostClass.BILLED, len(ERROR.body)),
        (Failure(catalog.UPSTREAM_TIMEOUT), CostClass.MAYBE_BILLED, 0),
        (Failure(catalog.UPSTREAM_RESET), CostClass.MAYBE_BILLED, 0),
        (Failure(halo_failures.OFFLINE, upstream_response=ERROR), CostClass.FREE, len(ERROR.body)),
        (Failure(catalog.UPSTREAM_CONNECT), CostClass.FREE, 0),
        (BUG, CostClass.MAYBE_BILLED, 0),
    ],
)
def test_an_exchange_is_counted_once_however_it_ends_and_passes_unchanged(
    result: FhirResponse | Exception, cost: CostClass, octets: int
) -> None:
    told, seen = both(result)
    assert seen is result
    assert (told.costs, told.octets) == ([cost], [octets])


@pytest.mark.parametrize("result", [ANSWER, Failure(catalog.UPSTREAM_TIMEOUT), BUG])
def test_metadata_is_free_however_it_ends(result: FhirResponse | Exception) -> None:
    assert both(result, fhir_request("metadata"))[0].costs == [CostClass.FREE]


def test_the_time_of_the_exchange_is_measured() -> None:
    told, ticks = Told(), iter((1.0, 1.25))
    asyncio.run(asked(UpstreamMeter(giving(ANSWER), recorder(told), lambda: next(ticks))))
    assert told.seconds == [0.25]


def test_an_exchange_cut_off_may_have_been_billed() -> None:
    told = Told()

    async def endless(request: FhirRequest) -> FhirResponse:
        await asyncio.sleep(60)
        return ANSWER

    async def cut_off() -> None:
        task = asyncio.create_task(asked(UpstreamMeter(endless, recorder(told))))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cut_off())
    assert told.costs == [CostClass.MAYBE_BILLED]


@pytest.mark.parametrize(
    ("result", "cost"),
    [
        (ANSWER.with_header("cache-status", "halo-gateway; hit; ttl=3"), CostClass.HIT),
        (ANSWER.with_header("cache-status", "halo-gateway; fwd=uri-miss; collapsed"), CostClass.COLLAPSED),
        (FhirResponse(304), CostClass.REVALIDATED),
        (ANSWER, CostClass.EMPTY),
        (Failure(halo_failures.OFFLINE), CostClass.PAUSED),
        (Failure(catalog.DATE_SYNTAX), CostClass.FREE),
        (BUG, CostClass.FREE),
    ],
)
def test_what_was_answered_without_asking_is_counted_as_saved_or_free(
    result: FhirResponse | Exception, cost: CostClass
) -> None:
    told = Told()
    assert asyncio.run(asked(SavingsMeter(giving(result), recorder(told)))) is result
    assert told.costs == [cost]
    assert told.seconds == []


def test_a_search_of_three_upstream_queries_is_three_exchanges() -> None:
    told = Told()
    told_by = recorder(told)
    counted = UpstreamMeter(giving(ANSWER), told_by)

    async def thrice(request: FhirRequest) -> FhirResponse:
        for _ in range(2):
            await counted(request)
        return await counted(request)

    asyncio.run(asked(SavingsMeter(thrice, told_by)))
    assert told.costs == [CostClass.BILLED] * 3


def sharing(inner: Handler) -> Handler:
    """One question in flight for all, in a task of its own, as the cache does it."""
    flights: list[asyncio.Task[FhirResponse]] = []

    async def shared(request: FhirRequest) -> FhirResponse:
        leads = not flights
        if leads:
            flights.append(asyncio.create_task(_called(inner, request)))
        answer = await asyncio.shield(flights[0])
        said = "fwd=uri-miss; stored" if leads else "fwd=uri-miss; collapsed"
        return answer.with_header("cache-status", f"halo-gateway; {said}")

    return shared


async def _called(inner: Handler, request: FhirRequest) -> FhirResponse:
    return await inner(request)


def crowd(size: int, inner: Handler, told: Told) -> list[FhirResponse | Exception]:
    told_by = recorder(told)
    chain = SavingsMeter(sharing(UpstreamMeter(inner, told_by)), told_by)

    async def together() -> list[FhirResponse | Exception]:
        return await asyncio.gather(*(asked(chain) for _ in range(size)))

    return asyncio.run(together())


async def slowly(request: FhirRequest) -> FhirResponse:
    await turns()
    return ANSWER


async def timing_out(request: FhirRequest) -> FhirResponse:
    await turns()
    raise Failure(catalog.UPSTREAM_TIMEOUT)


@pytest.mark.parametrize(
    ("inner", "cost"), [(slowly, CostClass.BILLED), (timing_out, CostClass.MAYBE_BILLED)]
)
def test_fifty_at_once_are_one_exchange_and_forty_nine_collapsed(inner: Handler, cost: CostClass) -> None:
    told = Told()
    crowd(50, inner, told)
    assert told.costs.count(cost) == 1
    assert told.costs.count(CostClass.COLLAPSED) == 49
    assert len(told.costs) == 50


def test_a_refresh_behind_a_hit_is_counted_beside_the_hit() -> None:
    told = Told()
    told_by = recorder(told)
    counted = UpstreamMeter(giving(ANSWER), told_by)

    async def refreshing(request: FhirRequest) -> FhirResponse:
        await asyncio.create_task(_called(counted, request))
        return ANSWER.with_header("cache-status", "halo-gateway; hit; ttl=-2")

    asyncio.run(asked(SavingsMeter(refreshing, told_by)))
    assert told.costs == [CostClass.BILLED, CostClass.HIT]


def test_what_two_requests_ask_is_not_mixed_up() -> None:
    told = Told()
    told_by = recorder(told)
    asks = SavingsMeter(UpstreamMeter(slowly, told_by), told_by)
    keeps = SavingsMeter(giving(ANSWER.with_header("cache-status", "halo-gateway; hit")), told_by)

    async def together() -> None:
        await asyncio.gather(asked(asks), asked(keeps), asked(asks))

    asyncio.run(together())
    assert sorted(told.costs) == [CostClass.HIT, CostClass.BILLED, CostClass.BILLED]


def test_batch_work_stops_at_the_cap_while_hits_and_interactive_work_and_metadata_go_on() -> None:
    told = Told()
    told_by = recorder(told, DailyCap(queries=2, rejects_batch=True))
    chain = SavingsMeter(UpstreamMeter(giving(ANSWER), told_by), told_by)
    background = (("priority", "u=7"),)
    batch, metadata = SEARCH.replace(headers=background), fhir_request("metadata", headers=background)

    async def day() -> list[FhirResponse | Exception]:
        return [await asked(chain, each) for each in (batch, batch, batch, SEARCH, metadata)]

    with capture_logs():
        first, second, third, fourth, fifth = asyncio.run(day())
    assert [first, second, fourth, fifth] == [ANSWER] * 4
    assert isinstance(third, Failure)
    assert (third.kind.status, third.retry_after) == (429, 12 * 3_600)
    assert told.costs == [
        CostClass.BILLED,
        CostClass.BILLED,
        CostClass.PAUSED,
        CostClass.BILLED,
        CostClass.FREE,
    ]
    assert told.codes == ["site-cap"]


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (RECEIVED, "resource-not-found"),
        (UnreadableError(), "upstream-not-fhir"),
        (BUG, "gateway-error"),
    ],
)
def test_failures_are_counted_by_code(problem: Exception, code: str) -> None:
    assert both(problem)[0].codes == [code]


def test_a_repair_that_looked_and_found_nothing_is_a_no_op() -> None:
    ((_, fired, looked),) = both(ANSWER.replace(applied_repairs=("link-base-url",)))[0].mended
    assert fired == ("link-base-url",)
    assert {"link-base-url", "last-updated-offset"} <= set(looked)
    assert "error-envelope" not in looked


def test_the_repair_of_errors_looks_at_errors_alone() -> None:
    ((_, fired, looked),) = both(RECEIVED)[0].mended
    assert fired == looked == ["error-envelope"]


def test_no_repair_looks_at_what_the_upstream_did_not_say() -> None:
    told = Told()
    hit = ANSWER.replace(applied_repairs=("link-base-url",)).with_header("cache-status", "halo-gateway; hit")
    asyncio.run(asked(SavingsMeter(giving(hit), recorder(told))))
    assert told.mended == both(Failure(catalog.UPSTREAM_TIMEOUT))[0].mended == []
