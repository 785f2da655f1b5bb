"""Sends a failed read again where that can help, within the client's patience and the site's budget."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog
from cachetools import LRUCache, TTLCache

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.resilience.circuit import Doubling, wait_asked
from gateway.resilience.retry_policy import Budget, allowed, slots
from gateway.stores.base import Store
from gateway.upstreams.dialect import may_write

_log = structlog.get_logger()
#: How often the upstream was asked, where that is more than once.
ATTEMPTS = "gateway-attempts"
_FREE = frozenset({"capabilities"})
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


class Retried:
    """The upstream's answer, at the second or third attempt if need be.

    `unanswered`: reads that timed out or broke off are sent once more, too. Waits are drawn from zero to a
    doubling cap (full jitter), but never shorter than the upstream asks; what would outlast the client's
    `patience`, the seconds it will wait still, is not waited for.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, each once
        self,
        inner: Handler,
        spending: Spending,
        doubling: Doubling,
        patience: Callable[[FhirRequest], float],
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
        unanswered: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._spending = spending
        self._doubling = doubling
        self._patience = patience
        self._clock = clock
        self._chance = chance
        self._unanswered = unanswered
        self._sleep = sleep

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer; `Gateway-Attempts` says how many were made if not one. Raises Failure."""
        attempts = 0
        while True:
            attempts, started = attempts + 1, self._clock()
            try:
                response = await self._attempt(request)
            except Failure as failure:
                wait = await self._wait(request, failure, attempts)
                if wait is None:
                    request.waiting.asked(self._clock() - started)
                    failure.headers += _told(attempts)
                    raise
                await self._sleep(wait)
            else:
                request.waiting.asked(self._clock() - started)
                return response.changed(headers=(*response.headers, *_told(attempts)))

    async def _attempt(self, request: FhirRequest) -> FhirResponse:
        sent = True
        try:
            return await self._inner(request)
        except Failure as failure:
            sent = failure.kind.sent
            raise
        finally:
            if sent and request.interaction.code not in _FREE:
                await self._spending.query(_site(request))

    async def _wait(self, request: FhirRequest, failure: Failure, attempts: int) -> float | None:
        """Seconds until the next attempt; None when there is none."""
        if may_write(request) or attempts > allowed(failure, unanswered=self._unanswered):
            return None
        wait = max(self._chance() * self._doubling.wait(attempts), wait_asked(failure) or 0.0)
        if wait > self._patience(request) or not await self._spending.retry(_site(request)):
            return None
        _log.info("retry", code=failure.kind.code, attempt=attempts, request_id=request.request_id)
        return wait


def _site(request: FhirRequest) -> str:
    return request.site.guid if request.site else ""


def _told(attempts: int) -> tuple[tuple[str, str], ...]:
    return ((ATTEMPTS, str(attempts)),) if attempts > 1 else ()
