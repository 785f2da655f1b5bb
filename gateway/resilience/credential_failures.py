"""Credential failures by client address: the upstream requests that made-up credentials may still cost."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cachetools import LRUCache

#: Seconds for which the failures of an address are counted, from the first one on.
WINDOW_SECONDS = 60.0
#: Maximum number of addresses in memory; the least recently used is dropped first.
_MAX_ADDRESSES = 10_000


@dataclass(slots=True)
class AddressFailures:
    """Upstream refusals in the current window of one address, and its requests in flight.

    `end_listeners` are called once, when the next of those requests ends.
    """

    failures: int = 0
    window_ends_at: float = 0.0
    in_flight: int = 0
    end_listeners: list[Callable[[], object]] = field(default_factory=list)

    def seconds_until_reset(self, limit: int, now: float) -> float:
        """Seconds until the address may send again; 0 if it may send now or wait for its own requests."""
        return max(0.0, self.window_ends_at - now) if self.failures >= limit else 0.0

    def has_room(self, limit: int, now: float) -> bool:
        """Whether one more request stays within the limit, even if it and all in flight are refused."""
        failures = self.failures if now < self.window_ends_at else 0
        return failures + self.in_flight < limit

    def add_failure(self, now: float) -> None:
        """Count a refusal; the first one begins a window."""
        if now >= self.window_ends_at:
            self.failures, self.window_ends_at = 0, now + WINDOW_SECONDS
        self.failures += 1

    def end_request(self) -> None:
        """Count a request in flight as ended, and call the listeners."""
        self.in_flight -= 1
        listeners, self.end_listeners = self.end_listeners, []
        for listener in listeners:
            listener()


@dataclass(frozen=True, slots=True)
class CredentialFailures:
    """Credential failures of all addresses of this process."""

    _addresses: LRUCache[str, AddressFailures] = field(default_factory=lambda: LRUCache(_MAX_ADDRESSES))

    def of(self, address: str) -> AddressFailures:
        """Failures of an address."""
        failures = self._addresses.get(address)
        if failures is None:
            failures = self._addresses[address] = AddressFailures()
        return failures
