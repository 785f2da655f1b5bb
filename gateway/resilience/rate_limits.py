"""Rate limits of all subscription keys: learned rates and send slots, shared through the store."""

from collections.abc import Callable, KeysView
from collections.abc import Set as AbstractSet
from typing import Final

import structlog
from cachetools import LRUCache

from gateway.errors.failure import Failure
from gateway.resilience.learned_rate import (
    LearnedRate,
    Slot,
    effective_rate,
    held_rate,
    rate_after_refusal,
    slot_at,
)
from gateway.resilience.rate_windows import RateWindows
from gateway.resilience.sliding_window import SentRequest, SlidingWindow
from gateway.stores.base import Store
from gateway.stores.bounded_dict import BoundedDict
from gateway.stores.replicated import ReplicatedValues

_log = structlog.get_logger()
#: Seconds after the last 429 until a learned rate expires.
_RETENTION_SECONDS = 3_600.0
_MIN_DELAY = 0.001
#: Maximum number of keys in memory; the least recently used key is dropped first.
_MAX_KEYS: Final = 4_096


class RateLimits:
    """Rate of each subscription key: `ceiling` requests per second, or less after a 429.

    A ceiling of None means no limit until the first 429. A key may have an endpoint behind a colon, as in
    `caller:Patient`: it is blocked alone, and shares ceiling and `windows` with the caller's other endpoints.
    `lowers_rates`: a 429 lowers the rate of its key; else it only blocks it, because its limits are known.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        ceiling: float | None = None,
        windows: RateWindows | None = None,
        *,
        lowers_rates: bool = True,
    ) -> None:
        self._store = store
        self._ceiling = ceiling
        self._windows = windows
        self._lowers_rates = lowers_rates
        self._learned_rates = ReplicatedValues(
            store, LearnedRate, "rate:", clock, lifetime=_RETENTION_SECONDS
        )
        self._full_slots: LRUCache[str, Slot] = LRUCache(_MAX_KEYS)
        self._send_counter = SendCounter()
        self._window = SlidingWindow()
        self.now = clock

    def keys_among(self, keys: AbstractSet[str]) -> list[str]:
        """Return the keys of recent 429 responses, and those of the given ones with recent requests."""
        recent_keys = self._send_counter.keys() & keys
        return sorted({*self._learned_rates.names(), *recent_keys})

    async def current_rate(self, key: str) -> float | None:
        """Return the requests per second that a key may send now; None means no limit."""
        return effective_rate(await self._learned_rates.get(key), self._ceiling, self.now())

    async def blocked_seconds(self, key: str) -> float:
        """Seconds until a key may send the next request: by the upstream's Retry-After, or a full window."""
        held, windows = _held_seconds(await self._learned_rates.get(key), self.now()), self._windows
        return held if windows is None else max(held, await windows.wait_seconds(caller_part(key)))

    async def blocked_keys(self) -> dict[str, LearnedRate]:
        """Return the learned rates of the keys that this process knows to be blocked now."""
        rates = {key: await self._learned_rates.get(key) for key in self._learned_rates.names()}
        return {key: rate for key, rate in rates.items() if rate and rate.blocked_until > self.now()}

    async def end_block(self, key: str) -> bool:
        """Forget the rate and Retry-After of a key; return whether it was blocked."""
        is_blocked = bool(await self.blocked_seconds(key))
        await self._learned_rates.delete(key)
        return is_blocked

    async def delay(self, key: str, *, in_windows: bool = False) -> float:
        """Seconds to wait before the next call; after 0 the caller must call `record_sent` and send.

        `in_windows`: the request has been counted in the windows already.
        """
        if not self._learned_rates.fresh_copy(key):
            await self._learned_rates.get(key)  # meanwhile a refusal of another request may have come
        learned_rate, now = await self._learned_rates.get(key), self.now()
        rate, held = effective_rate(learned_rate, self._ceiling, now), _held_seconds(learned_rate, now)
        delay = held if held or rate is None else await self._slot_delay(key, rate)
        if delay or in_windows or self._windows is None:
            return delay
        return await self._windows.take(caller_part(key))  # last: what it counts is sent

    def record_sent(self, key: str) -> SentRequest:
        """Count a request of a caller that is sent now, because `delay` returned 0."""
        key, now = caller_part(key), self.now()
        self._send_counter.add(key, now)
        return self._window.record_sent(key, now)

    def record_response(self, sent_request: SentRequest) -> None:
        """Note that the upstream has responded, or that no response will come."""
        self._window.record_response(sent_request, self.now())

    async def _slot_delay(self, key: str, allowed_rate: float) -> float:
        key, now = caller_part(key), self.now()
        slot = slot_at(now, allowed_rate)
        local_delay = max(
            self._send_counter.last_sent_at(key) + slot.min_interval - now,
            self._window.wait_seconds(key, max(1, int(allowed_rate)), now),
        )
        if local_delay > 0:
            return local_delay
        if self._full_slots.get(key) != slot and await self._take_slot(key, slot, allowed_rate):
            return 0.0
        return max(_MIN_DELAY, slot.ends_at - now)

    async def record_refusal(self, key: str, failure: Failure, started_at: float) -> None:
        """Lower the rate of a key after a 429 of the upstream, and log it; or block it until Retry-After."""
        if not self._lowers_rates:
            await self.hold(key, failure.retry_after or 1)
            return
        now, observed_rate, retry_after = (
            self.now(),
            self._send_counter.observed_rate(key),
            failure.retry_after or 1,
        )

        def lower_rate(learned_rate: LearnedRate | None) -> LearnedRate:
            return rate_after_refusal(learned_rate, observed_rate, started_at, now, retry_after)

        after = await self._learned_rates.update(key, lower_rate) or lower_rate(None)
        if after.lowered_at == now:
            seconds = round(after.blocked_until - now, 1)
            _log.warning("rate-limit-lowered", per_second=round(after.rate, 2), seconds=seconds)

    async def hold(self, key: str, seconds: float) -> None:
        """Block a key for some seconds, without a change of its rate."""
        now = self.now()
        await self._learned_rates.update(key, lambda learned_rate: held_rate(learned_rate, now, seconds))

    async def _take_slot(self, key: str, current_slot: Slot, allowed_rate: float) -> bool:
        name = f"slot:{key}:{allowed_rate:.4f}:{current_slot.number}"
        if await self._store.increment(name, 1, 5 + 2 / allowed_rate) <= current_slot.max_requests:
            self._full_slots.pop(key, None)
            return True
        self._full_slots[key] = current_slot
        return False


def _held_seconds(learned_rate: LearnedRate | None, now: float) -> float:
    return max(0.0, learned_rate.blocked_until - now) if learned_rate else 0.0


def caller_part(key: str) -> str:
    """Return the part of a key that all endpoints of a caller share."""
    return key.partition(":")[0]


class SendCounter:
    """Requests of each key in the current and the previous second, and the time of the last one."""

    def __init__(self) -> None:
        self._counts = BoundedDict[str, tuple[float, int, int]](_MAX_KEYS)

    def add(self, key: str, now: float) -> None:
        """Count a request; the least recently used key is dropped if there are too many."""
        last, count, previous = self._counts.get(key, (now, 0, 0))
        seconds = int(now) - int(last)
        self._counts[key] = (now, count + 1, previous) if not seconds else (now, 1, count * (seconds == 1))

    def observed_rate(self, key: str) -> float:
        """Return the requests of a key in the busier of its last two seconds; at least 1."""
        _, count, previous = self._counts.get(key, (0.0, 1, 0))
        return float(max(1, count, previous))

    def keys(self) -> KeysView[str]:
        """Return the keys of recent requests."""
        return self._counts.keys()

    def last_sent_at(self, key: str) -> float:
        """Time of a key's last request, in seconds since 1970; 0 if unknown."""
        return self._counts.get(key, (0.0, 0, 0))[0]
