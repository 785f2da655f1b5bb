"""Retry budget."""

import pytest
from support.requests import GUID
from support.scripted_upstream import Clock

from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import RetryBudgetPolicy
from gateway.stores.memory import MemoryStore
from tests.resilience.test_retry import Case, unreachable

pytestmark = pytest.mark.anyio


async def test_usage_counts_retries_and_retries_left() -> None:
    case = Case(unreachable(), max_wait=3)
    await case.run()
    usage = await case.budget.usage_of(GUID)
    assert (usage.queries, usage.retries + usage.retries_left) == (0, 5)
    assert case.budget.retried_sites() == [GUID]
    case.clock.now += 3_601
    assert case.budget.retried_sites() == []


async def test_least_recently_used_site_is_dropped() -> None:
    clock = Clock()
    budget = RetryBudget(MemoryStore(clock=clock), RetryBudgetPolicy(), clock)
    for number in range(8_200):
        await budget.count_query(str(number))
    assert len(budget._local_counts) == 8_192
    assert await budget.count_last_hour("queries", "0") == 1


async def test_retried_site_is_listed_for_an_hour() -> None:
    clock = Clock()
    budget = RetryBudget(MemoryStore(clock=clock), RetryBudgetPolicy(), clock)
    await budget.spend_retry("a")
    clock.now += 3_599
    await budget.spend_retry("b")
    assert budget.retried_sites() == ["a", "b"]
    clock.now += 1
    assert budget.retried_sites() == ["b"]
