"""Retry policy."""

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
def test_refusal_or_slow_query_is_never_sent_again(kind: FailureKind) -> None:
    if kind.status < 500 or kind.code == "practice-query-timeout":
        assert max_retries(Failure(kind), retry_on_timeout=True) == 0


def test_every_row_names_an_existing_code() -> None:
    assert {kind.code for kind in all_kinds()} >= RETRIES.keys() | RETRIES_AFTER_TIMEOUT.keys()


def test_possibly_run_read_is_retried_only_with_retry_on_timeout() -> None:
    for code in RETRIES_AFTER_TIMEOUT:
        failure = Failure(next(kind for kind in all_kinds() if kind.code == code))
        assert max_retries(failure, retry_on_timeout=False) == 0
        assert max_retries(failure, retry_on_timeout=True) == 1


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_budget_permits_a_share_of_the_queries(queries: int, retries: int) -> None:
    assert RetryBudgetPolicy().permits(queries, retries) == (retries <= max(5, queries // 20))


def test_last_hour_has_six_slots() -> None:
    assert slots_of_last_hour(6_000.0) == (10, 9, 8, 7, 6, 5)


@pytest.mark.parametrize(("queries", "max_count"), [(0, 5), (99, 5), (200, 10)])
def test_budget_is_a_share_with_a_minimum(queries: int, max_count: int) -> None:
    budget = RetryBudgetPolicy(0.05, 5)
    assert budget.retries_allowed(queries) == max_count
    assert (budget.permits(queries, max_count), budget.permits(queries, max_count + 1)) == (True, False)
