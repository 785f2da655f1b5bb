"""Circuit breaker."""

import asyncio

import pytest
from support.event_loop import turns
from support.requests import GUID, SITE, fhir_request, sql_request
from support.scripted_upstream import OK, READ, Clock, HandlerCase, ScriptedUpstream, Step

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import CLOSED
from gateway.resilience.circuit_breaker import CircuitBreaker, CircuitRegistry, StatusCheck, no_status_check
from gateway.stores.memory import MemoryStore
from gateway.upstreams import failures as shared
from gateway.upstreams import halo_failures

pytestmark = pytest.mark.anyio

OFFLINE = Failure(halo_failures.OFFLINE)


#: Circuit of the requests without a credential.
OWN = f"{GUID}:"


class Case(HandlerCase):
    """Circuit breaker with a manual clock; `codes` returns the results of several requests."""

    def __init__(
        self, *steps: Step, status_check: StatusCheck = no_status_check, store: MemoryStore | None = None
    ) -> None:
        self.clock = Clock()
        self.inner = ScriptedUpstream(*steps)
        self.circuits = CircuitRegistry(
            store or MemoryStore(clock=self.clock), ExponentialBackoff(10, 300), self.clock, lambda: 1.0
        )
        self.handler = CircuitBreaker(self.inner, self.circuits, status_check)

    async def codes(self, number: int, step: float = 0) -> list[str]:
        codes = []
        for _ in range(number):
            codes.append(await self.code())
            self.clock.now += step
        return codes

    async def pass_open_time(self) -> None:
        """Open the circuit with one failure, and let the open time of 10 seconds pass."""
        await self.code()
        self.clock.now += 11


async def test_open_circuit_sends_nothing_and_counts_retry_after_down() -> None:
    case = Case(OFFLINE)
    assert await case.codes(3, step=1) == [
        "practice-offline",
        "practice-circuit-open",
        "practice-circuit-open",
    ]
    assert case.last_failure.retry_after == 8
    assert case.last_failure.kind.status == 503
    assert case.last_failure.codings == ((ERROR_CODE_SYSTEM, "practice-offline"),)
    assert len(case.inner.requests) == 1


async def test_failed_trial_doubles_the_open_time_and_rejects_other_requests() -> None:
    case = Case(OFFLINE)
    await case.pass_open_time()
    assert sorted(await asyncio.gather(*(case.code() for _ in range(5)))) == [
        *["practice-circuit-open"] * 4,
        "practice-offline",
    ]
    circuit = await case.circuits.circuit_of(OWN)
    assert (circuit.times_opened, circuit.seconds_until_half_open(case.clock())) == (2, 20)


async def test_trial_lock_of_a_crashed_replica_expires() -> None:
    case = Case(OFFLINE, OK)
    await case.pass_open_time()
    assert await case.circuits.claim_trial(OWN, "crashed")
    assert await case.code() == "practice-circuit-open"
    case.clock.now += 10
    assert await case.code() == "200"


async def test_late_trial_on_closed_circuit_is_sent() -> None:
    class LockedStore(MemoryStore):
        """Another replica has the trial lock, and closes the circuit during the attempt to acquire it."""

        async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
            await case.circuits.close_circuit(GUID)
            await super().acquire_lock(name, "other", seconds)
            return await super().acquire_lock(name, holder, seconds)

    case = Case(OFFLINE, OK)
    case.circuits._store = LockedStore(clock=case.clock)
    await case.pass_open_time()
    assert await case.code() == "200"


async def test_response_to_the_trial_closes_the_circuit() -> None:
    case = Case(OFFLINE, OK)
    await case.pass_open_time()
    assert await case.codes(3) == ["200", "200", "200"]
    assert await case.circuits.circuit_of(OWN) is CLOSED


async def test_offline_status_reopens_the_circuit_without_a_query() -> None:
    async def offline(_: FhirRequest) -> bool:
        return False

    case = Case(OFFLINE, status_check=offline)
    await case.pass_open_time()
    assert await case.code() == "practice-circuit-open"
    assert case.last_failure.upstream_use.requests == 1
    assert len(case.inner.requests) == 1
    assert (await case.circuits.circuit_of(OWN)).seconds_until_half_open(case.clock()) == 20


async def test_failed_status_check_of_an_offline_site_reopens_the_circuit() -> None:
    async def offline(_: FhirRequest) -> bool:
        raise OFFLINE

    case = Case(OFFLINE, status_check=offline)
    await case.pass_open_time()
    assert await case.code() == "practice-circuit-open"


@pytest.mark.parametrize("is_online", [True, None])
async def test_online_or_unknown_status_permits_a_trial_request(is_online: bool | None) -> None:
    async def status_check(_: FhirRequest) -> bool | None:
        if is_online is None:
            raise Failure(shared.CREDENTIALS_INVALID)
        return is_online

    case = Case(OFFLINE, OK, status_check=status_check)
    await case.pass_open_time()
    assert await case.codes(2) == ["200", "200"]


async def test_database_failure_needs_no_status_check() -> None:
    checked_requests = []

    async def status_check(request: FhirRequest) -> bool:
        checked_requests.append(request)
        return False

    case = Case(Failure(halo_failures.DATABASE_DOWN), OK, status_check=status_check)
    await case.pass_open_time()
    assert await case.code() == "200"
    assert checked_requests == []


async def test_error_of_a_working_practice_resets_the_failure_count() -> None:
    reset = Failure(halo_failures.BAD_RESULT)
    refusal = Failure(shared.BAD_REQUEST, upstream_response=FhirResponse(400))

    case = Case(reset, reset, refusal, reset, reset, OK)
    await case.codes(6, step=1)
    assert len(case.inner.requests) == 6


async def test_concurrent_failures_count_once() -> None:
    case = Case(OFFLINE)
    may_respond, sent = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(_: FhirRequest) -> FhirResponse:
        sent.release()
        await may_respond.wait()
        raise OFFLINE

    case.handler._inner = slow
    tasks = [asyncio.create_task(case.code()) for _ in range(10)]
    for _ in tasks:
        await sent.acquire()
    case.clock.now += 5
    may_respond.set()
    await asyncio.gather(*tasks)
    assert (await case.circuits.circuit_of(OWN)).failures == 1


async def test_open_circuit_is_shared_by_replicas() -> None:
    first = Case(OFFLINE)
    store = first.circuits._store
    assert isinstance(store, MemoryStore)
    second = Case(OK, store=store)
    await first.code()
    assert await second.code() == "practice-circuit-open"
    assert (await second.circuits.troubled_circuits())[GUID].reason == "practice-offline"
    await second.circuits.close_circuit(GUID)
    first.clock.now += 2
    first.inner = first.handler._inner = ScriptedUpstream(OK)
    assert await first.code() == "200"
    assert await first.circuits.troubled_circuits([GUID]) == {}


async def test_open_circuit_does_not_affect_other_requests() -> None:
    case = Case(OFFLINE, OK)
    await case.code()
    other = fhir_request("Patient/1", site=SITE.__class__("other", SITE.zone))
    assert await case.code(other) == "200"
    assert await case.code(READ.replace(site=None)) == "200"
    assert await case.code() == "practice-circuit-open"


async def test_inconclusive_trial_leaves_the_circuit_half_open() -> None:
    case = Case(OFFLINE, Failure(shared.CREDENTIALS_INVALID, upstream_response=FhirResponse(401)), OK)
    await case.pass_open_time()
    assert await case.codes(3) == ["upstream-credentials", "200", "200"]


def request_of(key: str) -> FhirRequest:
    return fhir_request("Patient/1", headers=(("ocp-apim-subscription-key", key),))


SLOW = Failure(halo_failures.QUERY_TIMEOUT)


async def test_failing_queries_of_one_caller_stop_no_other() -> None:
    case = Case(*[SLOW] * 5, OK)
    codes = [await case.code(request_of(key)) for key in ("a", "a", "a", "a", "a", "a", "b")]
    assert codes == ["practice-query-timeout"] * 5 + ["practice-circuit-open", "200"]
    assert case.last_failure.codings == ((ERROR_CODE_SYSTEM, "practice-query-timeout"),)


async def test_two_callers_that_fail_alike_open_the_site() -> None:
    case = Case(*[SLOW] * 10, OK)
    for key in ("a", "b"):
        assert [await case.code(request_of(key)) for _ in range(5)] == ["practice-query-timeout"] * 5
    assert await case.code(request_of("c")) == "practice-circuit-open"
    assert (await case.circuits.troubled_circuits())[GUID].reason == "practice-query-timeout"
    await case.circuits.close_circuit(GUID)
    assert [await case.code(request_of(key)) for key in ("a", "b", "c")] == ["200"] * 3


async def test_device_is_one_caller_whatever_its_tokens() -> None:
    case = Case(*[SLOW] * 10, OK)
    for token in ("a", "b"):
        headers = (("authorization", f"Bearer {token}"), ("deviceid", "d1"))
        for _ in range(5):
            await case.code(fhir_request("Patient/1", headers=headers))
    assert await case.code(request_of("c")) == "200"


def sql_of(key: str) -> FhirRequest:
    return sql_request(headers=(("ocp-apim-subscription-key", key),))


@pytest.mark.parametrize(("failure", "code"), [(SLOW, "200"), (OFFLINE, "practice-circuit-open")])
async def test_sql_opens_the_site_only_by_an_outage(failure: Failure, code: str) -> None:
    case = Case(*[failure] * 10, OK)
    for key in ("a", "b"):
        while await case.code(sql_of(key)) != "practice-circuit-open":
            pass
    case.inner = case.handler._inner = ScriptedUpstream(OK)
    assert await case.code(request_of("c")) == code


async def test_trial_of_slow_sql_does_not_reopen_a_site() -> None:
    case = Case(OFFLINE, OFFLINE, SLOW, OK)
    for key in ("a", "b"):
        await case.code(request_of(key))
    case.clock.now += 11
    assert await case.code(sql_of("c")) == "practice-query-timeout"
    assert await case.code(request_of("d")) == "200"


async def test_response_between_two_failing_callers_keeps_the_site() -> None:
    case = Case(*[SLOW] * 5, OK, *[SLOW] * 5, OK)
    for key in ("a", "c", "b"):
        for _ in range(1 if key == "c" else 5):
            case.clock.now += 0.1
            await case.code(request_of(key))
    assert await case.code(request_of("c")) == "200"


async def test_trial_of_a_caller_closes_its_circuit() -> None:
    case = Case(*[SLOW] * 5, OK)
    for _ in range(5):
        await case.code(request_of("a"))
    case.clock.now += 11
    assert [await case.code(request_of("a")) for _ in range(2)] == ["200", "200"]


def strangers(*steps: Step) -> Case:
    """Case in which only the keys `a` and `b` are proved."""
    case = Case(*steps)
    case.circuits._is_proved = lambda request: request.header("ocp-apim-subscription-key") in {"a", "b"}
    return case


async def test_outage_that_one_caller_met_is_no_outage_for_others() -> None:
    case = Case(OFFLINE, OK)
    assert [await case.code(request_of(key)) for key in ("a", "b")] == ["practice-offline", "200"]


async def test_outage_that_two_callers_met_opens_the_site() -> None:
    case = strangers(OFFLINE, OFFLINE, OK)
    codes = [await case.code(request_of(key)) for key in ("a", "b", "x")]
    assert codes == ["practice-offline", "practice-offline", "practice-circuit-open"]


async def test_failures_of_strangers_open_no_site() -> None:
    case = strangers(OFFLINE, OFFLINE, OFFLINE, OK)
    codes = [await case.code(request_of(key)) for key in ("x", "y", "z", "a")]
    assert codes == ["practice-offline"] * 3 + ["200"]


async def test_stranger_cannot_take_the_trial_of_a_site() -> None:
    case = strangers(OFFLINE, OFFLINE, OK)
    for key in ("a", "b"):
        await case.code(request_of(key))
    await case.circuits.close_circuit("other")
    case.clock.now += 11
    assert [await case.code(request_of(key)) for key in ("x", "a", "b")] == [
        "practice-circuit-open",
        "200",
        "200",
    ]


async def test_stranger_is_the_trial_if_no_proved_caller_comes() -> None:
    case = strangers(OFFLINE, OFFLINE, OK)
    for key in ("a", "b"):
        await case.code(request_of(key))
    case.clock.now += 21
    assert await case.code(request_of("x")) == "200"


async def test_failed_trial_of_a_site_reopens_it() -> None:
    case = strangers(OFFLINE, OFFLINE, OFFLINE)
    for key in ("a", "b"):
        await case.code(request_of(key))
    case.clock.now += 11
    assert await case.code(request_of("a")) == "practice-offline"
    assert (await case.circuits.circuit_of(GUID)).times_opened == 2
    assert await case.code(request_of("b")) == "practice-circuit-open"


async def test_slow_trial_keeps_others_out_for_seconds_only() -> None:
    gate = asyncio.Event()

    async def slow(request: FhirRequest) -> FhirResponse:
        await gate.wait()
        return OK

    case = Case(OFFLINE)
    await case.pass_open_time()
    case.handler = CircuitBreaker(slow, case.circuits)
    slow_trial = asyncio.create_task(case.code())
    await turns()
    case.clock.now += 9
    await turns()
    assert await case.code() == "practice-circuit-open"
    case.clock.now += 2
    second = asyncio.create_task(case.code())
    await turns()
    gate.set()
    assert [await slow_trial, await second] == ["200", "200"]
