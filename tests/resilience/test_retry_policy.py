import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors.failure import Failure, FailureKind
from gateway.resilience.retry_policy import (
    RETRIES,
    RETRIES_AFTER_TIMEOUT,
    RetryBudgetPolicy,
    max_retries,
    slots_of_last_hour,
)
from gateway.web.error_codes import all_kinds


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: f"{kind.code}-{kind.status}")
def test_no_refusal_and_no_slow_query_is_ever_sent_again(kind: FailureKind) -> None:
    if kind.status < 500 or kind.code == "practice-query-timeout":
        assert max_retries(Failure(kind), retry_on_timeout=True) == 0


def test_every_row_names_a_code_that_exists() -> None:
    assert {kind.code for kind in all_kinds()} >= RETRIES.keys() | RETRIES_AFTER_TIMEOUT.keys()


def test_what_may_have_run_is_sent_again_only_where_the_operator_wants_it() -> None:
    for code in RETRIES_AFTER_TIMEOUT:
        kind = next(each for each in all_kinds() if each.code == code)
        assert (
            max_retries(Failure(kind), retry_on_timeout=False),
            max_retries(Failure(kind), retry_on_timeout=True),
        ) == (0, 1)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_retries_stay_within_their_share_of_the_queries(queries: int, retries: int) -> None:
    assert RetryBudgetPolicy().permits(queries, retries) == (retries <= max(5, queries // 20))


def test_the_last_hour_is_six_slots() -> None:
    assert slots_of_last_hour(6_000.0) == (10, 9, 8, 7, 6, 5)


@pytest.mark.parametrize(("queries", "most"), [(0, 5), (99, 5), (200, 10)])
def test_a_budget_is_a_share_but_at_least_a_handful(queries: int, most: int) -> None:
    budget = RetryBudgetPolicy(0.05, 5)
    assert budget.retries_allowed(queries) == most
    assert (budget.permits(queries, most), budget.permits(queries, most + 1)) == (True, False)
