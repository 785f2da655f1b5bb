"""Retry budget: retries as a share of the recent queries of a site."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from cachetools import LRUCache, TTLCache

from gateway.resilience.retry_policy import Budget, slots
from gateway.stores.base import Store

_HOUR = 3_600.0


_KEPT = 2 * _HOUR


#: Sites that this process remembers by itself.
_SITES = 4_096


class Spent(NamedTuple):
    """A site's last hour: queries, retries among them, and retries it may still have."""

    queries: int
    retries: int
    left: int


class _Own(LRUCache[tuple[str, str], Counter[int]]):
    """What this process counted itself, by kind and site and then by slot."""

    def __missing__(self, key: tuple[str, str]) -> Counter[int]:
        found = self[key] = Counter()
        return found


class Spending:
    """What each site was asked in the last hour, and how much of that were retries.

    By all replicas in the store, and by this process in memory: a store that is away, or comes back empty,
    is no new budget.
    """

    def __init__(self, store: Store, budget: Budget, clock: Callable[[], float]) -> None:
        self._store = store
        self._budget = budget
        self._clock = clock
        self._own = _Own(2 * _SITES)
        self._retried: TTLCache[str, None] = TTLCache(_SITES, _HOUR, clock)

    async def of(self, site: str) -> Spent:
        """What a site has spent and has left."""
        queries, retries = await self.sum("queries", site), await self.sum("retries", site)
        return Spent(queries, retries, max(0, self._budget.most(queries) - retries))

    def retried(self) -> list[str]:
        """The sites to which this process sent something again in the last hour."""
        return sorted(self._retried)

    async def query(self, site: str) -> None:
        """Count one query that may have been billed."""
        await self._add("queries", site, 1)

    async def retry(self, site: str) -> bool:
        """Whether the site's budget has room for one more retry, which is then spent."""
        self._retried[site] = None
        await self._add("retries", site, 1)
        granted = self._budget.grants(await self.sum("queries", site), await self.sum("retries", site))
        if not granted:
            await self._add("retries", site, -1)
        return granted

    async def sum(self, what: str, site: str) -> int:
        """The `queries` or `retries` of the last hour."""
        hour, own = slots(self._clock()), self._own[what, site]
        found = [await self._store.add(f"{what}:{site}:{slot}", 0, _KEPT) for slot in hour]
        return max(sum(found), sum(own[slot] for slot in hour))

    async def _add(self, what: str, site: str, amount: int) -> None:
        hour, own = slots(self._clock()), self._own[what, site]
        if hour[0] not in own:
            for slot in own.keys() - hour:
                del own[slot]
        own[hour[0]] += amount
        await self._store.add(f"{what}:{site}:{hour[0]}", amount, _KEPT)
