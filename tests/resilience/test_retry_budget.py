import asyncio

from support.requests import GUID
from support.scripted_upstream import Clock

from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import RetryBudgetPolicy
from gateway.stores.memory import MemoryStore
from tests.resilience.test_retry import Case, unreachable


def test_what_is_spent_and_left_is_known_for_an_hour() -> None:
    case = Case(unreachable(), patience=3)
    case.answer()
    spent = asyncio.run(case.spending.usage_of(GUID))
    assert (spent.queries, spent.retries + spent.retries_left) == (0, 5)
    assert case.spending.retried_sites() == [GUID]
    case.clock.now += 3_601
    assert case.spending.retried_sites() == []


def test_of_many_sites_those_used_longest_ago_are_forgotten() -> None:
    async def steps() -> None:
        clock = Clock()
        spending = RetryBudget(MemoryStore(clock=clock), RetryBudgetPolicy(), clock)
        for number in range(8_200):
            await spending.count_query(str(number))
        assert len(spending._local_counts) == 8_192
        assert await spending.count_last_hour("queries", "0") == 1

    asyncio.run(steps())


def test_a_site_counts_as_retried_for_an_hour() -> None:
    async def steps() -> None:
        clock = Clock()
        spending = RetryBudget(MemoryStore(clock=clock), RetryBudgetPolicy(), clock)
        await spending.spend_retry("a")
        clock.now += 3_599
        await spending.spend_retry("b")
        assert spending.retried_sites() == ["a", "b"]
        clock.now += 1
        assert spending.retried_sites() == ["b"]

    asyncio.run(steps())
