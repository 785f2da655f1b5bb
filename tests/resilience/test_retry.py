import asyncio

import pytest
from support.requests import GUID, fhir_request
from support.scripted_upstream import OK, READ, Clock, Scripted, Step

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, WaitClock
from gateway.resilience.backoff import ExponentialBackoff, remaining_wait
from gateway.resilience.retry import ATTEMPTS_HEADER, Retry
from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import RetryBudgetPolicy
from gateway.stores.memory import MemoryStore
from gateway.upstreams import halo_failures

WRITE = fhir_request("Patient", method="POST")


def unreachable(**facts: int) -> Failure:
    return Failure(halo_failures.UNREACHABLE, **facts)  # type: ignore[arg-type] # retry_after alone


class Case:
    """A Retried with a clock of its own."""

    def __init__(self, *steps: Step, patience: float = 10, unanswered: bool = False) -> None:
        self.clock = Clock()
        self.patience = patience
        self.inner = Scripted(*steps)
        self.spending = RetryBudget(MemoryStore(clock=self.clock), RetryBudgetPolicy(), self.clock)
        self.handler = Retry(
            self.inner,
            self.spending,
            ExponentialBackoff(1, 4),
            lambda request: remaining_wait(request, self.patience, self.clock()),
            clock=self.clock,
            jitter=lambda: 1.0,
            retry_on_timeout=unanswered,
            sleep=self.clock.sleep,
        )

    def answer(self, request: FhirRequest = READ) -> FhirResponse | Failure:
        came = request.replace(wait_clock=WaitClock(self.clock()))
        try:
            return asyncio.run(self.handler(came))
        except Failure as failure:
            return failure

    def sums(self) -> tuple[int, int]:
        async def read() -> tuple[int, int]:
            site = READ.site.guid if READ.site else ""
            return await self.spending.count_last_hour("queries", site), await self.spending.count_last_hour(
                "retries", site
            )

        return asyncio.run(read())


def test_a_practice_that_comes_back_answers_the_same_request() -> None:
    case = Case(unreachable(), unreachable(), OK)
    answer = case.answer()
    assert isinstance(answer, FhirResponse)
    assert answer.header(ATTEMPTS_HEADER) == "3"
    assert case.clock.slept == [1, 2]
    assert case.sums() == (1, 2)


def test_an_answer_at_once_says_nothing_of_attempts() -> None:
    case = Case(OK)
    assert case.answer() == OK
    assert case.sums() == (1, 0)


def test_waits_double_up_to_their_cap_and_end_with_the_clients_patience() -> None:
    case = Case(unreachable(), patience=12)
    answer = case.answer()
    assert isinstance(answer, Failure)
    assert case.clock.slept == [1, 2, 4, 4]
    assert answer.headers == ((ATTEMPTS_HEADER, "5"),)


def test_the_upstreams_own_wait_is_obeyed_or_passed_on() -> None:
    asked = unreachable(retry_after=7)
    assert Case(asked, OK).answer() != asked
    case = Case(asked, patience=6)
    answer = case.answer()
    assert isinstance(answer, Failure)
    assert (answer.retry_after, case.clock.slept) == (7, [])


@pytest.mark.parametrize(
    ("failure", "attempts", "more"),
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
    ids=lambda each: each.kind.code if isinstance(each, Failure) else str(each),
)
def test_each_class_has_its_number_of_attempts(failure: Failure, attempts: int, more: int) -> None:
    for unanswered, expected in ((False, attempts), (True, more)):
        case = Case(failure, unanswered=unanswered)
        assert case.answer() is failure
        assert len(case.inner.asked) == expected


@pytest.mark.parametrize("path", ["Patient", "Appointment/$find-free"])
def test_what_may_change_data_is_never_sent_again(path: str) -> None:
    case = Case(unreachable(), OK)
    assert isinstance(case.answer(fhir_request(path, method="POST")), Failure)
    assert len(case.inner.asked) == 1


def test_five_retries_an_hour_are_free_of_the_five_percent() -> None:
    case = Case(unreachable(), patience=3)
    for _ in range(10):
        case.answer()
    assert case.sums() == (0, 5)
    case.clock.now += 3_700
    case.answer()
    assert case.sums() == (0, 2)


def test_a_store_that_comes_back_empty_is_no_new_budget() -> None:
    case = Case(unreachable())
    while case.sums()[1] < 5:
        case.answer()
    case.spending._store = MemoryStore(clock=case.clock)
    asked = len(case.inner.asked)
    case.answer()
    assert len(case.inner.asked) == asked + 1
    case.clock.now += 3_600
    case.answer()
    assert len(case.inner.asked) > asked + 2
    assert case.sums()[1] == sum(case.spending._local_counts["retries", GUID].values()) <= 5


def test_a_busy_site_may_have_more_retries() -> None:
    case = Case(OK)
    for _ in range(200):
        case.answer()
    failing = Case(unreachable(), patience=1)
    failing.spending = case.spending
    failing.handler._budget = case.spending
    for _ in range(30):
        failing.answer()
    assert case.sums() == (200, 10)


def test_metadata_is_no_query() -> None:
    case = Case(OK)
    case.answer(fhir_request("metadata"))
    assert case.sums() == (0, 0)
