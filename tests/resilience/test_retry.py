"""Retries."""

from datetime import UTC, datetime

import pytest
from support.requests import GUID, fhir_request, sql_request
from support.scripted_upstream import OK, READ, Clock, ScriptedUpstream, Step

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, SendPermit, UpstreamUse
from gateway.http.headers import ATTEMPTS_HEADER
from gateway.http.proved_callers import caller_of
from gateway.resilience.backoff import ExponentialBackoff, remaining_wait
from gateway.resilience.retry import Retry
from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import RetryBudgetPolicy
from gateway.stores.memory import MemoryStore
from gateway.upstreams import halo_failures
from gateway.upstreams.failures import UNAVAILABLE

pytestmark = pytest.mark.anyio


def unreachable(retry_after: int | None = None) -> Failure:
    return Failure(halo_failures.UNREACHABLE, retry_after=retry_after)


class Case:
    """Retry handler with a manual clock."""

    def __init__(
        self,
        *steps: Step,
        max_wait: float = 10,
        retry_on_timeout: bool = False,
        idempotency_header: str = "",
    ) -> None:
        self.clock = Clock()
        self.max_wait = max_wait
        self.inner = ScriptedUpstream(*steps)
        self.budget = RetryBudget(MemoryStore(clock=self.clock), RetryBudgetPolicy(), self.clock, b"secret")
        self.handler = Retry(
            self.inner,
            self.budget,
            ExponentialBackoff(1, 4),
            lambda request: remaining_wait(request, self.max_wait, self.clock()),
            caller_of,
            now=lambda: datetime.fromtimestamp(self.clock(), UTC),
            jitter=lambda: 1.0,
            retry_on_timeout=retry_on_timeout,
            idempotency_header=idempotency_header,
            sleep=self.clock.sleep,
        )

    async def run(self, request: FhirRequest = READ) -> FhirResponse | Failure:
        try:
            return await self.handler(request.replace(deadline=self.clock() + self.max_wait))
        except Failure as failure:
            return failure

    async def counts(self) -> tuple[int, int]:
        """Queries and retries of the last hour."""
        usage = await self.budget.usage_of(GUID)
        return usage.queries, usage.retries


async def test_retried_request_succeeds_when_the_practice_is_reachable_again() -> None:
    case = Case(unreachable(), unreachable(), OK)
    response = await case.run()
    assert isinstance(response, FhirResponse)
    assert response.header(ATTEMPTS_HEADER) == "3"
    assert case.clock.sleeps == [1, 2]
    assert await case.counts() == (1, 2)


async def test_first_response_has_no_attempts_header() -> None:
    case = Case(OK)
    assert await case.run() == OK
    assert await case.counts() == (1, 0)


async def test_waits_double_up_to_the_maximum_within_the_deadline() -> None:
    case = Case(unreachable(), max_wait=12)
    response = await case.run()
    assert isinstance(response, Failure)
    assert case.clock.sleeps == [1, 2, 4, 4]
    assert response.headers == ((ATTEMPTS_HEADER, "5"),)


async def test_retry_after_of_the_upstream_is_waited_for_or_returned() -> None:
    failure = unreachable(retry_after=7)
    assert await Case(failure, OK).run() != failure
    case = Case(failure, max_wait=6)
    response = await case.run()
    assert isinstance(response, Failure)
    assert (response.retry_after, case.clock.sleeps) == (7, [])


@pytest.mark.parametrize(
    ("failure", "attempts", "attempts_with_timeouts"),
    [
        (Failure(halo_failures.QUERY_TIMEOUT), 1, 1),
        (Failure(halo_failures.RESULT_LOST), 2, 2),
        (Failure(catalog.UPSTREAM_CONNECT), 2, 2),
        (Failure(catalog.PROXY_UNAVAILABLE), 2, 2),
        (Failure(catalog.PROXY_REFUSED), 1, 1),
        (Failure(catalog.UPSTREAM_CERTIFICATE), 1, 1),
        (Failure(catalog.UPSTREAM_RESET), 1, 2),
        (Failure(catalog.UPSTREAM_TIMEOUT), 1, 2),
        (Failure(catalog.METHOD_NOT_ALLOWED), 1, 1),
    ],
    ids=lambda value: value.kind.code if isinstance(value, Failure) else str(value),
)
async def test_failure_kind_has_its_number_of_attempts(
    failure: Failure, attempts: int, attempts_with_timeouts: int
) -> None:
    for retry_on_timeout, expected in ((False, attempts), (True, attempts_with_timeouts)):
        case = Case(failure, retry_on_timeout=retry_on_timeout)
        response = await case.run()
        assert isinstance(response, Failure)
        assert response.kind is failure.kind
        assert failure.headers == ()  # coalesced requests may share it: it is never edited
        assert len(case.inner.requests) == expected


@pytest.mark.parametrize("path", ["Patient", "Appointment/$find-free"])
async def test_request_that_may_write_is_never_retried(path: str) -> None:
    case = Case(unreachable(), OK)
    assert isinstance(await case.run(fhir_request(path, method="POST")), Failure)
    assert len(case.inner.requests) == 1


async def test_five_retries_per_hour_are_always_permitted() -> None:
    case = Case(unreachable(), max_wait=3)
    for _ in range(10):
        await case.run()
    assert await case.counts() == (0, 5)
    case.clock.now += 3_700
    await case.run()
    assert await case.counts() == (0, 2)


async def test_empty_store_does_not_renew_the_budget() -> None:
    case = Case(unreachable())
    while (await case.counts())[1] < 5:
        await case.run()
    case.budget._store = MemoryStore(clock=case.clock)
    requests = len(case.inner.requests)
    await case.run()
    assert len(case.inner.requests) == requests + 1
    case.clock.now += 3_600
    await case.run()
    assert len(case.inner.requests) > requests + 2
    caller = case.budget._hash(caller_of(READ))
    assert (await case.counts())[1] == sum(case.budget._local_counts["retries", GUID, caller].values()) <= 5


async def test_busy_site_has_more_retries() -> None:
    case = Case(OK)
    for _ in range(200):
        await case.run()
    failing = Case(unreachable(), max_wait=1)
    failing.budget = case.budget
    failing.handler._budget = case.budget
    for _ in range(30):
        await failing.run()
    assert await case.counts() == (200, 10)


async def test_metadata_does_not_count_as_query() -> None:
    case = Case(OK)
    await case.run(fhir_request("metadata"))
    assert await case.counts() == (0, 0)


async def test_each_attempt_after_the_first_needs_a_new_permit() -> None:
    case = Case(unreachable(), unreachable(), OK)
    await case.run(READ.replace(send_permit=SendPermit("key", 5.0)))
    permits = [request.send_permit for request in case.inner.requests]
    assert permits == [SendPermit("key", 5.0), SendPermit("key", None), SendPermit("key", None)]


@pytest.mark.parametrize("last", [OK, Failure(halo_failures.QUERY_TIMEOUT)], ids=["response", "failure"])
async def test_result_after_retries_names_the_requests_of_all_attempts(last: Step) -> None:
    failures = [unreachable().with_upstream_use(UpstreamUse(1, seconds)) for seconds in (3.0, 4.0)]
    result = await Case(*failures, last.with_upstream_use(UpstreamUse(2, 0.5))).run()
    assert type(result) is type(last)
    assert result.upstream_use == UpstreamUse(4, 0.5)  # the seconds of repeated requests are waiting time


async def test_sql_that_only_reads_is_not_repeated() -> None:
    case = Case(unreachable(), OK)
    select = sql_request(body=b'{"command":{"type":"text","text":"SELECT 1"}}')
    assert isinstance(await case.run(select), Failure)
    assert len(case.inner.requests) == 1


@pytest.mark.parametrize(("status", "attempts"), [(200, 1), (503, 2)])
async def test_poll_is_repeated_unless_it_was_answered(status: int, attempts: int) -> None:
    failed = Failure(halo_failures.UNREACHABLE, upstream_response=FhirResponse(status))
    case = Case(failed, OK)
    await case.run(sql_request(GUID, "GET"))
    assert len(case.inner.requests) == attempts
    assert (await case.counts())[0] == 0


IDEMPOTENT = fhir_request("Patient", method="POST", headers=(("hg-idempotency-key", "k1"),))


@pytest.mark.parametrize(
    ("request_", "sent"),
    [
        (IDEMPOTENT, 2),
        (fhir_request("Patient", method="POST"), 1),
        (fhir_request("Patient", method="POST", headers=(("hg-idempotency-key", " "),)), 1),
        (fhir_request("Patient", method="POST", headers=IDEMPOTENT.headers * 2), 1),
        (fhir_request("Patient/1", method="PUT", headers=IDEMPOTENT.headers), 1),
    ],
)
@pytest.mark.parametrize(
    "failure",
    [
        Failure(catalog.UPSTREAM_CONNECT),
        Failure(catalog.WRITE_OUTCOME_UNKNOWN, codings=((ERROR_CODE_SYSTEM, "upstream-reset"),)),
    ],
)
async def test_post_with_one_idempotency_key_is_repeated_once(
    request_: FhirRequest, sent: int, failure: Failure
) -> None:
    case = Case(failure, idempotency_header="hg-idempotency-key")
    assert isinstance(await case.run(request_), Failure)
    assert [each.headers for each in case.inner.requests] == [request_.headers] * sent


async def test_idempotency_key_counts_only_where_the_upstream_reads_it() -> None:
    case = Case(Failure(catalog.UPSTREAM_CONNECT), OK)
    assert isinstance(await case.run(IDEMPOTENT), Failure)


async def test_refused_post_with_idempotency_key_is_not_repeated() -> None:
    case = Case(Failure(catalog.BAD_REQUEST), OK, idempotency_header="hg-idempotency-key")
    assert isinstance(await case.run(IDEMPOTENT), Failure)


UNKNOWN_503 = ((ERROR_CODE_SYSTEM, "upstream-503"),)


@pytest.mark.parametrize(
    ("retry_after", "sleeps"),
    [
        ("9000", []),
        ("Thu, 01 Jan 2099 00:00:00 GMT", []),
        ("9" * 30, []),
        ("7", [7]),
        ("", [1]),
        ("soon", [1]),
    ],
)
async def test_repeat_with_a_key_waits_for_the_upstream(retry_after: str, sleeps: list[int]) -> None:
    answer = FhirResponse(503, (("retry-after", retry_after),))
    failure = Failure(catalog.WRITE_OUTCOME_UNKNOWN, codings=UNKNOWN_503, upstream_response=answer)
    case = Case(failure, OK, idempotency_header="hg-idempotency-key")
    await case.run(IDEMPOTENT)
    assert case.clock.sleeps == sleeps


async def test_repeat_with_a_key_waits_as_the_words_say() -> None:
    failure = Failure(catalog.WRITE_OUTCOME_UNKNOWN, codings=UNKNOWN_503, own_words="Try again in 8 seconds")
    case = Case(failure, OK, idempotency_header="hg-idempotency-key")
    await case.run(IDEMPOTENT)
    assert case.clock.sleeps == [8]


@pytest.mark.parametrize(
    ("failure", "sent"),
    [
        (Failure(UNAVAILABLE, upstream_response=FhirResponse(503)), 1),
        (Failure(catalog.UPSTREAM_RESET), 1),
        (Failure(catalog.UPSTREAM_REFUSED), 2),
        (Failure(catalog.UPSTREAM_CONNECT), 2),
    ],
)
async def test_start_of_a_job_is_repeated_if_unsent(failure: Failure, sent: int) -> None:
    case = Case(failure, OK, retry_on_timeout=True)
    await case.run(fhir_request("Patient/1/$everything", headers=(("prefer", "respond-async"),)))
    assert len(case.inner.requests) == sent
