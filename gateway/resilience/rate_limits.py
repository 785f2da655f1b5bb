"""How fast each subscription key may ask, and the turn that a request has; shared through the store."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

import structlog
from cachetools import LRUCache

from gateway.errors.failure import Failure
from gateway.resilience.learned_rate import LearnedRate, Slot, effective_rate, rate_after_refusal, slot_at
from gateway.resilience.sliding_window import SentRequest, SlidingWindow
from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues

_log = structlog.get_logger()
#: A lesson is forgotten an hour after the last 429.
_RETENTION_SECONDS = 3_600.0
_MIN_DELAY = 0.001
#: Keys that are remembered.
_MAX_KEYS: Final = 4_096


class SendPermit:
    """The turn that a request has under a key; good for one departure."""

    def __init__(self, sent_request: SentRequest) -> None:
        self.key = sent_request.key
        self._sent_request: SentRequest | None = sent_request

    def consume(self) -> SentRequest | None:
        """The departure, once; then None."""
        departure, self._sent_request = self._sent_request, None
        return departure


#: The turn of the request that is handled in this context.
SEND_PERMIT: ContextVar[SendPermit | None] = ContextVar("turn", default=None)


class RateLimits:
    """The rate of each subscription key: `ceiling` per second, or what 429s taught; shared through the store.

    A ceiling of None is no limit until the first 429.
    """

    def __init__(self, store: Store, clock: Callable[[], float], ceiling: float | None = None) -> None:
        self._store = store
        self._ceiling = ceiling
        self._learned_rates = ReplicatedValues(
            store, LearnedRate, "pace:", clock, lifetime=_RETENTION_SECONDS
        )
        self._full_slots: LRUCache[str, Slot] = LRUCache(_MAX_KEYS)
        self._send_counter = SendCounter()
        self._window = SlidingWindow()
        self.now = clock

    def keys(self) -> list[str]:
        """The keys that were used or slowed down lately."""
        return sorted({*self._learned_rates.names(), *self._send_counter.keys()})

    async def current_rate(self, key: str) -> float | None:
        """Requests per second that a key may send now; None is no limit."""
        return effective_rate(await self._learned_rates.get(key), self._ceiling, self.now())

    async def blocked_seconds(self, key: str) -> float:
        """Seconds until the upstream takes requests of a key again."""
        pace = await self._learned_rates.get(key)
        return max(0.0, pace.blocked_until - self.now()) if pace else 0.0

    async def delay(self, key: str) -> float:
        """Seconds to wait before asking again; 0 when a request may go: then it has `left`."""
        allowed, blocked = await self.current_rate(key), await self.blocked_seconds(key)
        return blocked if blocked or allowed is None else await self._slot_delay(key, allowed)

    def record_sent(self, key: str) -> SentRequest:
        """Count a request that may go, after `delay` said so."""
        now = self.now()
        self._send_counter.add(key, now)
        return self._window.record_sent(key, now)

    def record_response(self, sent_request: SentRequest) -> None:
        """The upstream has answered it, or never will."""
        self._window.record_response(sent_request, self.now())

    async def _slot_delay(self, key: str, allowed_rate: float) -> float:
        now = self.now()
        current = slot_at(now, allowed_rate)
        early = max(
            self._send_counter.last_sent_at(key) + current.min_interval - now,
            self._window.wait_seconds(key, max(1, int(allowed_rate)), now),
        )
        if early > 0:
            return early
        if self._full_slots.get(key) != current and await self._take_slot(key, current, allowed_rate):
            return 0.0
        return max(_MIN_DELAY, current.ends_at - now)

    async def record_refusal(self, key: str, failure: Failure, started_at: float) -> None:
        """Learn from a 429."""
        now, observed, wait = self.now(), self._send_counter.observed_rate(key), failure.retry_after or 1

        def lower_rate(learned_rate: LearnedRate | None) -> LearnedRate:
            return rate_after_refusal(learned_rate, observed, started_at, now, wait)

        after = await self._learned_rates.update(key, lower_rate) or lower_rate(None)
        if after.lowered_at == now:
            seconds = round(after.blocked_until - now, 1)
            _log.warning("rate-limit-lowered", per_second=round(after.rate, 2), seconds=seconds)

    async def _take_slot(self, key: str, current_slot: Slot, allowed_rate: float) -> bool:
        name = f"slot:{key}:{allowed_rate:.4f}:{current_slot.number}"
        if await self._store.increment(name, 1, 5 + 2 / allowed_rate) <= current_slot.max_requests:
            self._full_slots.pop(key, None)
            return True
        self._full_slots[key] = current_slot
        return False


class SendCounter:
    """How many requests each key sent in this second and in the one before, and when the last."""

    def __init__(self) -> None:
        self._counts: LRUCache[str, tuple[float, int, int]] = LRUCache(_MAX_KEYS)

    def add(self, key: str, now: float) -> None:
        """Count one; the keys that were used longest ago are forgotten."""
        last, count, previous = self._counts.get(key, (now, 0, 0))
        seconds = int(now) - int(last)
        self._counts[key] = (now, count + 1, previous) if not seconds else (now, 1, count * (seconds == 1))

    def observed_rate(self, key: str) -> float:
        """Requests per second at which a key was used last; at least 1."""
        _, count, previous = self._counts.get(key, (0.0, 1, 0))
        return float(max(1, count, previous))

    def keys(self) -> tuple[str, ...]:
        """The keys that were used lately."""
        return tuple(self._counts)

    def last_sent_at(self, key: str) -> float:
        """When a key was used last; 0 when that is forgotten."""
        return self._counts.get(key, (0.0, 0, 0))[0]
