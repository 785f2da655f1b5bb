"""Retry budget."""

import pytest
from support.requests import GUID
from support.scripted_upstream import Clock

from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import RetryBudgetPolicy
from gateway.stores.memory import MemoryStore
from tests.resilience.test_retry import Case, unreachable

pytestmark = pytest.mark.anyio


def budget_of(clock: Clock) -> RetryBudget:
    return RetryBudget(MemoryStore(clock=clock), RetryBudgetPolicy(), clock, b"secret")


async def test_retries_of_one_caller_leave_those_of_another() -> None:
    budget = budget_of(Clock())
    assert [await budget.spend_retry(GUID, "a") for _ in range(7)] == [True] * 5 + [False] * 2
    assert await budget.spend_retry(GUID, "b")
    assert await budget.usage_of(GUID) == (0, 6, 0)


async def test_queries_of_one_caller_give_another_no_retries() -> None:
    budget = budget_of(Clock())
    for _ in range(200):
        await budget.count_query(GUID, "a")
    assert [sum([await budget.spend_retry(GUID, name) for _ in range(20)]) for name in "ab"] == [10, 5]
    assert await budget.usage_of(GUID) == (200, 15, 0)


async def test_store_holds_no_name_of_a_caller() -> None:
    names: list[str] = []

    class Recorder(MemoryStore):
        async def increment(self, name: str, amount: int, ttl: float) -> int:
            names.append(name)
            return await super().increment(name, amount, ttl)

    await RetryBudget(Recorder(), RetryBudgetPolicy(), Clock(), b"secret").spend_retry(GUID, "demo-key")
    assert names
    assert not any("demo-key" in name for name in names)


async def test_usage_of_a_site_without_queries_is_the_minimum() -> None:
    assert await budget_of(Clock()).usage_of(GUID) == (0, 0, 5)


async def test_usage_counts_retries_and_retries_left() -> None:
    case = Case(unreachable(), max_wait=3)
    await case.run()
    usage = await case.budget.usage_of(GUID)
    assert (usage.queries, usage.retries + usage.retries_left) == (0, 5)
    assert case.budget.retried_sites() == [GUID]
    case.clock.now += 3_601
    assert case.budget.retried_sites() == []


async def test_least_recently_used_caller_is_dropped() -> None:
    clock = Clock()
    budget = budget_of(clock)
    for number in range(8_200):
        await budget.count_query(GUID, str(number))
    assert len(budget._local_counts) == 8_192
    await budget.count_query(GUID, "0")
    assert (await budget.usage_of(GUID)).queries == 8_193
    assert len(budget._local_counts) == 8_192


async def test_retried_site_is_listed_for_an_hour() -> None:
    clock = Clock()
    budget = budget_of(clock)
    await budget.spend_retry("a", "")
    clock.now += 3_599
    await budget.spend_retry("b", "")
    assert budget.retried_sites() == ["a", "b"]
    clock.now += 1
    assert budget.retried_sites() == ["b"]
