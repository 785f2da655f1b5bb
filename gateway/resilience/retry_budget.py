"""Retry budget: retries as a share of the recent queries of a site."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from cachetools import LRUCache, TTLCache

from gateway.resilience.retry_policy import RetryBudgetPolicy, slots_of_last_hour
from gateway.stores.base import Store

_HOUR_SECONDS = 3_600.0


_RETENTION_SECONDS = 2 * _HOUR_SECONDS


#: Sites that this process remembers by itself.
_MAX_SITES = 4_096


class RetryUsage(NamedTuple):
    """A site's last hour: queries, retries among them, and retries it may still have."""

    queries: int
    retries: int
    retries_left: int


class _LocalCounts(LRUCache[tuple[str, str], Counter[int]]):
    """What this process counted itself, by kind and site and then by slot."""

    def __missing__(self, key: tuple[str, str]) -> Counter[int]:
        found = self[key] = Counter()
        return found


class RetryBudget:
    """What each site was asked in the last hour, and how much of that were retries.

    By all replicas in the store, and by this process in memory: a store that is away, or comes back empty,
    is no new budget.
    """

    def __init__(self, store: Store, policy: RetryBudgetPolicy, clock: Callable[[], float]) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._local_counts = _LocalCounts(2 * _MAX_SITES)
        self._retried_sites: TTLCache[str, None] = TTLCache(_MAX_SITES, _HOUR_SECONDS, clock)

    async def usage_of(self, site: str) -> RetryUsage:
        """What a site has spent and has left."""
        queries, retries = (
            await self.count_last_hour("queries", site),
            await self.count_last_hour("retries", site),
        )
        return RetryUsage(queries, retries, max(0, self._policy.retries_allowed(queries) - retries))

    def retried_sites(self) -> list[str]:
        """The sites to which this process sent something again in the last hour."""
        return sorted(self._retried_sites)

    async def count_query(self, site: str) -> None:
        """Count one query that may have been billed."""
        await self._add("queries", site, 1)

    async def spend_retry(self, site: str) -> bool:
        """Whether the site's budget has room for one more retry, which is then spent."""
        self._retried_sites[site] = None
        await self._add("retries", site, 1)
        granted = self._policy.permits(
            await self.count_last_hour("queries", site), await self.count_last_hour("retries", site)
        )
        if not granted:
            await self._add("retries", site, -1)
        return granted

    async def count_last_hour(self, kind: str, site: str) -> int:
        """The `queries` or `retries` of the last hour."""
        hour, own = slots_of_last_hour(self._clock()), self._local_counts[kind, site]
        found = [await self._store.increment(f"{kind}:{site}:{slot}", 0, _RETENTION_SECONDS) for slot in hour]
        return max(sum(found), sum(own[slot] for slot in hour))

    async def _add(self, kind: str, site: str, amount: int) -> None:
        hour, own = slots_of_last_hour(self._clock()), self._local_counts[kind, site]
        if hour[0] not in own:
            for slot in own.keys() - hour:
                del own[slot]
        own[hour[0]] += amount
        await self._store.increment(f"{kind}:{site}:{hour[0]}", amount, _RETENTION_SECONDS)
