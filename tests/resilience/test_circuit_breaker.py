import asyncio

import pytest
from support.requests import GUID, SITE, fhir_request
from support.scripted_upstream import OK, READ, Asking, Clock, Scripted, Step, run

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import CLOSED
from gateway.resilience.circuit_breaker import CircuitBreaker, CircuitRegistry, StatusCheck, no_status_check
from gateway.stores.memory import MemoryStore
from gateway.upstreams import failures as theirs
from gateway.upstreams import halo_failures

OFFLINE = Failure(halo_failures.OFFLINE)


class Case(Asking):
    """A Rested with a clock of its own; `codes` is what each request got."""

    def __init__(
        self, *steps: Step, look: StatusCheck = no_status_check, store: MemoryStore | None = None
    ) -> None:
        self.clock = Clock()
        self.inner = Scripted(*steps)
        self.rests = CircuitRegistry(
            store or MemoryStore(clock=self.clock), ExponentialBackoff(10, 300), self.clock, lambda: 1.0
        )
        self.handler = CircuitBreaker(self.inner, self.rests, look)

    async def codes(self, number: int, step: float = 0) -> list[str]:
        found = []
        for _ in range(number):
            found.append(await self.code())
            self.clock.now += step
        return found


def test_while_a_site_rests_nothing_is_sent_and_retry_after_counts_down() -> None:
    async def steps() -> None:
        case = Case(OFFLINE)
        assert await case.codes(3, step=1) == [
            "practice-offline",
            "practice-circuit-open",
            "practice-circuit-open",
        ]
        assert case.last.retry_after == 8
        assert case.last.kind.status == 503
        assert case.last.codings == ((ERROR_CODE_SYSTEM, "practice-offline"),)
        assert len(case.inner.asked) == 1

    run(steps())


def test_one_request_finds_out_while_others_wait_and_a_failure_doubles_the_pause() -> None:
    async def steps() -> None:
        case = Case(OFFLINE)
        await case.code()
        case.clock.now += 11
        assert sorted(await asyncio.gather(*(case.code() for _ in range(5)))) == [
            *["practice-circuit-open"] * 4,
            "practice-offline",
        ]
        rest = await case.rests.circuit_of(GUID)
        assert (rest.times_opened, rest.seconds_until_half_open(case.clock())) == (2, 20)

    run(steps())


def test_a_replica_killed_while_it_tried_holds_the_others_up_for_seconds_only() -> None:
    async def steps() -> None:
        case = Case(OFFLINE, OK)
        await case.code()
        case.clock.now += 11
        assert await case.rests.claim_trial(GUID, "killed")
        assert await case.code() == "practice-circuit-open"
        case.clock.now += 3
        assert await case.code() == "200"

    run(steps())


def test_who_finds_the_try_taken_by_one_that_has_just_healed_the_site_is_not_sent_away() -> None:
    class Healing(MemoryStore):
        """Another replica has the lease, and brings its answer in while it is claimed here."""

        async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
            await case.rests.close_circuit(GUID)
            await super().acquire_lock(name, "other", seconds)
            return await super().acquire_lock(name, holder, seconds)

    async def steps() -> None:
        await case.code()
        case.clock.now += 11
        assert await case.code() == "200"

    case = Case(OFFLINE, OK)
    case.rests._store = Healing(clock=case.clock)
    run(steps())


def test_an_answer_makes_the_site_well_for_all() -> None:
    async def steps() -> None:
        case = Case(OFFLINE, OK)
        await case.code()
        case.clock.now += 11
        assert await case.codes(3) == ["200", "200", "200"]
        assert await case.rests.circuit_of(GUID) is CLOSED

    run(steps())


def test_a_free_look_that_shows_the_site_away_costs_no_query() -> None:
    async def away(_: FhirRequest) -> bool:
        return False

    async def steps() -> None:
        case = Case(OFFLINE, look=away)
        await case.code()
        case.clock.now += 11
        assert await case.code() == "practice-circuit-open"
        assert len(case.inner.asked) == 1
        assert (await case.rests.circuit_of(GUID)).seconds_until_half_open(case.clock()) == 20

    run(steps())


def test_a_look_that_fails_because_the_site_is_away_shows_that() -> None:
    async def away(_: FhirRequest) -> bool:
        raise OFFLINE

    async def steps() -> None:
        case = Case(OFFLINE, look=away)
        await case.code()
        case.clock.now += 11
        assert await case.code() == "practice-circuit-open"

    run(steps())


@pytest.mark.parametrize("seen", [True, None])
def test_a_look_that_shows_it_online_or_nothing_lets_a_request_decide(seen: bool | None) -> None:
    async def look(_: FhirRequest) -> bool | None:
        if seen is None:
            raise Failure(theirs.CREDENTIALS_INVALID)
        return seen

    async def steps() -> None:
        case = Case(OFFLINE, OK, look=look)
        await case.code()
        case.clock.now += 11
        assert await case.codes(2) == ["200", "200"]

    run(steps())


def test_no_look_tells_whether_a_database_is_back() -> None:
    looks = []

    async def look(request: FhirRequest) -> bool:
        looks.append(request)
        return False

    async def steps() -> None:
        case = Case(Failure(halo_failures.DATABASE_DOWN), OK, look=look)
        await case.code()
        case.clock.now += 11
        assert await case.code() == "200"
        assert looks == []

    run(steps())


def test_refusals_by_the_practice_make_no_site_rest_and_end_a_row_of_failures() -> None:
    reset = Failure(halo_failures.BAD_RESULT)
    refused = Failure(theirs.BAD_REQUEST, upstream_response=FhirResponse(400))

    async def steps() -> None:
        case = Case(reset, reset, refused, reset, reset, OK)
        await case.codes(6, step=1)
        assert len(case.inner.asked) == 6

    run(steps())


def test_ten_that_fail_together_count_once() -> None:
    async def steps() -> None:
        case = Case(OFFLINE)
        gate, all_sent = asyncio.Event(), asyncio.Semaphore(0)

        async def slow(_: FhirRequest) -> FhirResponse:
            all_sent.release()
            await gate.wait()
            raise OFFLINE

        case.handler._inner = slow
        waiting = [asyncio.create_task(case.code()) for _ in range(10)]
        for _ in waiting:
            await all_sent.acquire()
        case.clock.now += 5
        gate.set()
        await asyncio.gather(*waiting)
        assert (await case.rests.circuit_of(GUID)).failures == 1

    run(steps())


def test_another_replica_leaves_the_site_alone_too() -> None:
    async def steps() -> None:
        one = Case(OFFLINE)
        store = one.rests._store
        assert isinstance(store, MemoryStore)
        two = Case(OK, store=store)
        await one.code()
        assert await two.code() == "practice-circuit-open"
        assert (await two.rests.troubled_circuits())[GUID].reason == "practice-offline"
        await two.rests.close_circuit(GUID)
        one.clock.now += 2
        one.inner = one.handler._inner = Scripted(OK)
        assert await one.code() == "200"
        assert await one.rests.troubled_circuits([GUID]) == {}

    run(steps())


def test_another_site_and_what_has_no_site_are_not_held_up() -> None:
    async def steps() -> None:
        case = Case(OFFLINE, OK)
        await case.code()
        other = fhir_request("Patient/1", site=SITE.__class__("other", SITE.zone))
        assert await case.code(other) == "200"
        assert await case.code(READ.replace(site=None)) == "200"
        assert await case.code() == "practice-circuit-open"

    run(steps())


def test_a_probe_that_tells_nothing_leaves_it_to_the_next() -> None:
    async def steps() -> None:
        case = Case(OFFLINE, Failure(theirs.CREDENTIALS_INVALID, upstream_response=FhirResponse(401)), OK)
        await case.code()
        case.clock.now += 11
        assert await case.codes(3) == ["upstream-credentials", "200", "200"]

    run(steps())
