"""How fast each subscription key may ask, and the turn that a request has; shared through the store."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

import structlog
from cachetools import LRUCache

from gateway.errors.failure import Failure
from gateway.resilience.learned_rate import Pace, Slot, after_refusal, rate, slot
from gateway.resilience.sliding_window import Arrivals, Departure
from gateway.stores.base import Store
from gateway.stores.replicated import Remembered

_log = structlog.get_logger()
#: A lesson is forgotten an hour after the last 429.
_KEPT = 3_600.0
_TICK = 0.001
#: Keys that are remembered.
_KEYS: Final = 4_096


class Turn:
    """The turn that a request has under a key; good for one departure."""

    def __init__(self, departure: Departure) -> None:
        self.key = departure.key
        self._departure: Departure | None = departure

    def used(self) -> Departure | None:
        """The departure, once; then None."""
        departure, self._departure = self._departure, None
        return departure


#: The turn of the request that is handled in this context.
TURN: ContextVar[Turn | None] = ContextVar("turn", default=None)


class Rates:
    """The rate of each subscription key: `ceiling` per second, or what 429s taught; shared through the store.

    A ceiling of None is no limit until the first 429.
    """

    def __init__(self, store: Store, clock: Callable[[], float], ceiling: float | None = None) -> None:
        self._store = store
        self._ceiling = ceiling
        self._paces = Remembered(store, Pace, "pace:", clock, lifetime=_KEPT)
        self._full: LRUCache[str, Slot] = LRUCache(_KEYS)
        self._sent = Sent()
        self._arrivals = Arrivals()
        self.now = clock

    def keys(self) -> list[str]:
        """The keys that were used or slowed down lately."""
        return sorted({*self._paces.names(), *self._sent.keys()})

    async def of(self, key: str) -> float | None:
        """Requests per second that a key may send now; None is no limit."""
        return rate(await self._paces.get(key), self._ceiling, self.now())

    async def blocked(self, key: str) -> float:
        """Seconds until the upstream takes requests of a key again."""
        pace = await self._paces.get(key)
        return max(0.0, pace.blocked - self.now()) if pace else 0.0

    async def delay(self, key: str) -> float:
        """Seconds to wait before asking again; 0 when a request may go: then it has `left`."""
        allowed, blocked = await self.of(key), await self.blocked(key)
        return blocked if blocked or allowed is None else await self._wait(key, allowed)

    def left(self, key: str) -> Departure:
        """Count a request that may go, after `delay` said so."""
        now = self.now()
        self._sent.add(key, now)
        return self._arrivals.left(key, now)

    def answered(self, departure: Departure) -> None:
        """The upstream has answered it, or never will."""
        self._arrivals.answered(departure, self.now())

    async def _wait(self, key: str, allowed: float) -> float:
        now = self.now()
        current = slot(now, allowed)
        early = max(
            self._sent.last(key) + current.gap - now, self._arrivals.wait(key, max(1, int(allowed)), now)
        )
        if early > 0:
            return early
        if self._full.get(key) != current and await self._took(key, current, allowed):
            return 0.0
        return max(_TICK, current.ends - now)

    async def refused(self, key: str, failure: Failure, started: float) -> None:
        """Learn from a 429."""
        now, observed, wait = self.now(), self._sent.observed(key), failure.retry_after or 1

        def lower(pace: Pace | None) -> Pace:
            return after_refusal(pace, observed, started, now, wait)

        after = await self._paces.update(key, lower) or lower(None)
        if after.lowered == now:
            seconds = round(after.blocked - now, 1)
            _log.warning("rate-lowered", per_second=round(after.rate, 2), seconds=seconds)

    async def _took(self, key: str, current: Slot, allowed: float) -> bool:
        name = f"slot:{key}:{allowed:.4f}:{current.number}"
        if await self._store.add(name, 1, 5 + 2 / allowed) <= current.most:
            self._full.pop(key, None)
            return True
        self._full[key] = current
        return False


class Sent:
    """How many requests each key sent in this second and in the one before, and when the last."""

    def __init__(self) -> None:
        self._counts: LRUCache[str, tuple[float, int, int]] = LRUCache(_KEYS)

    def add(self, key: str, now: float) -> None:
        """Count one; the keys that were used longest ago are forgotten."""
        last, count, previous = self._counts.get(key, (now, 0, 0))
        seconds = int(now) - int(last)
        self._counts[key] = (now, count + 1, previous) if not seconds else (now, 1, count * (seconds == 1))

    def observed(self, key: str) -> float:
        """Requests per second at which a key was used last; at least 1."""
        _, count, previous = self._counts.get(key, (0.0, 1, 0))
        return float(max(1, count, previous))

    def keys(self) -> tuple[str, ...]:
        """The keys that were used lately."""
        return tuple(self._counts)

    def last(self, key: str) -> float:
        """When a key was used last; 0 when that is forgotten."""
        return self._counts.get(key, (0.0, 0, 0))[0]
