"""Retry budget: retries as a share of the recent queries of a site."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from cachetools import LRUCache, TTLCache

from gateway.resilience.retry_policy import RetryBudgetPolicy, slots_of_last_hour
from gateway.stores.base import Store

_HOUR_SECONDS = 3_600.0
_RETENTION_SECONDS = 2 * _HOUR_SECONDS
#: Maximum number of sites in the memory of this process; the least recently used site is dropped first.
_MAX_SITES = 4_096


class RetryUsage(NamedTuple):
    """Queries of a site in the last hour, retries among them, and retries left in the budget."""

    queries: int
    retries: int
    retries_left: int


class _LocalCounts(LRUCache[tuple[str, str], Counter[int]]):
    """Counts of this process, by kind and site, then by slot."""

    def __missing__(self, key: tuple[str, str]) -> Counter[int]:
        counts = self[key] = Counter()
        return counts


class RetryBudget:
    """Queries and retries of each site in the last hour, limited by the policy.

    The store counts those of all replicas, and the memory those of this process, so that a store that is
    down, or empty after a restart, does not renew the budget.
    """

    def __init__(self, store: Store, policy: RetryBudgetPolicy, clock: Callable[[], float]) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._local_counts = _LocalCounts(2 * _MAX_SITES)
        self._retried_sites: TTLCache[str, None] = TTLCache(_MAX_SITES, _HOUR_SECONDS, clock)

    async def usage_of(self, site: str) -> RetryUsage:
        """Return queries, retries and remaining retries of a site."""
        queries, retries = (
            await self.count_last_hour("queries", site),
            await self.count_last_hour("retries", site),
        )
        return RetryUsage(queries, retries, max(0, self._policy.retries_allowed(queries) - retries))

    def retried_sites(self) -> list[str]:
        """Return the sites with a retry by this process in the last hour."""
        return sorted(self._retried_sites)

    async def count_query(self, site: str) -> None:
        """Count one query that may have been billed."""
        await self._add("queries", site, 1)

    async def spend_retry(self, site: str) -> bool:
        """Count a retry if the site's budget permits it; return whether it does."""
        self._retried_sites[site] = None
        await self._add("retries", site, 1)
        granted = self._policy.permits(
            await self.count_last_hour("queries", site), await self.count_last_hour("retries", site)
        )
        if not granted:
            await self._add("retries", site, -1)
        return granted

    async def count_last_hour(self, kind: str, site: str) -> int:
        """Return the number of `queries` or `retries` in the last hour."""
        slots, local_counts = slots_of_last_hour(self._clock()), self._local_counts[kind, site]
        keys = [f"{kind}:{site}:{slot}" for slot in slots]
        shared_counts = [await self._store.increment(key, 0, _RETENTION_SECONDS) for key in keys]
        return max(sum(shared_counts), sum(local_counts[slot] for slot in slots))

    async def _add(self, kind: str, site: str, amount: int) -> None:
        slots, local_counts = slots_of_last_hour(self._clock()), self._local_counts[kind, site]
        if slots[0] not in local_counts:
            for slot in local_counts.keys() - slots:
                del local_counts[slot]
        local_counts[slots[0]] += amount
        await self._store.increment(f"{kind}:{site}:{slots[0]}", amount, _RETENTION_SECONDS)
