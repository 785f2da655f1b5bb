"""Retry budget: retries as a share of the recent queries of a caller at a site."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from cachetools import LRUCache, TTLCache

from gateway.http.callers import keyed_hash
from gateway.resilience.retry_policy import RetryBudgetPolicy, slot_at, slots_of_last_hour
from gateway.stores.base import Store

_HOUR_SECONDS = 3_600.0
_RETENTION_SECONDS = 2 * _HOUR_SECONDS
#: Maximum number of sites, and of callers at sites, in the memory of this process; the least recently used
#: is dropped first.
_MAX_SITES = 4_096


class RetryUsage(NamedTuple):
    """Queries of a site in the last hour, retries among them, and retries left to the caller with fewest."""

    queries: int
    retries: int
    retries_left: int


class _LocalCounts(LRUCache[tuple[str, str, str], Counter[int]]):
    """Counts of this process, by kind, site and hashed caller, then by slot."""

    def __missing__(self, key: tuple[str, str, str]) -> Counter[int]:
        counts = self[key] = Counter()
        return counts


class RetryBudget:
    """Queries and retries of each caller at a site in the last hour, limited by the policy.

    The store counts those of all replicas, and the memory those of this process, so that a store that is
    down, or empty after a restart, does not renew the budget. `secret` keys the names of callers.
    """

    def __init__(
        self, store: Store, policy: RetryBudgetPolicy, clock: Callable[[], float], secret: bytes
    ) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._secret = secret
        self._local_counts = _LocalCounts(2 * _MAX_SITES)
        self._retried_sites: TTLCache[str, None] = TTLCache(_MAX_SITES, _HOUR_SECONDS, clock)

    async def usage_of(self, site: str) -> RetryUsage:
        """Return queries and retries by the callers of this process, and the fewest retries left to one."""
        callers = {caller for _, counted_site, caller in self._local_counts if counted_site == site}
        usages = [await self._usage_of_caller(site, caller) for caller in sorted(callers)]
        return RetryUsage(
            sum(usage.queries for usage in usages),
            sum(usage.retries for usage in usages),
            min((usage.retries_left for usage in usages), default=self._policy.retries_allowed(0)),
        )

    def retried_sites(self) -> list[str]:
        """Return the sites with a retry by this process in the last hour."""
        return sorted(self._retried_sites)

    async def count_query(self, site: str, caller: str) -> None:
        """Count one query that may have been billed."""
        await self._add("queries", site, self._hash(caller), 1)

    async def spend_retry(self, site: str, caller: str) -> bool:
        """Count a retry if the caller's budget at the site permits it; return whether it does."""
        name = self._hash(caller)
        self._retried_sites[site] = None
        await self._add("retries", site, name, 1)
        usage = await self._usage_of_caller(site, name)
        granted = self._policy.permits(usage.queries, usage.retries)
        if not granted:
            await self._add("retries", site, name, -1)
        return granted

    def _hash(self, caller: str) -> str:
        return keyed_hash(caller, self._secret)

    async def _usage_of_caller(self, site: str, caller: str) -> RetryUsage:
        queries = await self._count_last_hour("queries", site, caller)
        retries = await self._count_last_hour("retries", site, caller)
        return RetryUsage(queries, retries, max(0, self._policy.retries_allowed(queries) - retries))

    async def _count_last_hour(self, kind: str, site: str, caller: str) -> int:
        slots = slots_of_last_hour(self._clock())
        local_counts = self._local_counts.get((kind, site, caller), Counter[int]())
        keys = [f"{kind}:{site}:{caller}:{slot}" for slot in slots]
        shared_counts = [await self._store.increment(key, 0, _RETENTION_SECONDS) for key in keys]
        return max(sum(shared_counts), sum(local_counts[slot] for slot in slots))

    async def _add(self, kind: str, site: str, caller: str, amount: int) -> None:
        slot, local_counts = slot_at(self._clock()), self._local_counts[kind, site, caller]
        if slot not in local_counts:
            for old in local_counts.keys() - slots_of_last_hour(self._clock()):
                del local_counts[old]
        local_counts[slot] += amount
        await self._store.increment(f"{kind}:{site}:{caller}:{slot}", amount, _RETENTION_SECONDS)
