"""Credential failures by client address and credential: what made-up credentials may still cost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cachetools import LRUCache

#: Seconds for which failures are counted, from the first one on.
WINDOW_SECONDS: Final = 60.0
#: Refusals of one credential in a window, after which it waits for the end of the window.
MAX_REPEATS: Final = 10
#: Maximum numbers of addresses and of credentials in memory; the least recently used is dropped first.
_MAX_ADDRESSES: Final = 10_000
_MAX_CREDENTIALS: Final = 20_000


class FailureLimits(NamedTuple):
    """Maximum numbers in a window: of refused credentials of one address, of refusals of one credential."""

    credentials: int
    repeats: int = MAX_REPEATS


@dataclass(slots=True)
class FailureWindow:
    """Upstream refusals in the current window of an address or a credential, and what is in flight.

    `end_listeners` are called once, when the next of that ends.
    """

    failures: int = 0
    window_ends_at: float = 0.0
    in_flight: int = 0
    end_listeners: list[Callable[[], object]] = field(default_factory=list)

    def seconds_until_reset(self, limit: int, now: float) -> float:
        """Seconds until one more may be sent; 0 if it may now, or waits for what is in flight."""
        return max(0.0, self.window_ends_at - now) if self.failures >= limit else 0.0

    def has_room(self, limit: int, now: float) -> bool:
        """Whether one more stays within the limit, even if it and all in flight are refused."""
        failures = self.failures if now < self.window_ends_at else 0
        return failures + self.in_flight < limit

    def add_failure(self, now: float) -> None:
        """Count a refusal; the first one begins a window."""
        if now >= self.window_ends_at:
            self.failures, self.window_ends_at = 0, now + WINDOW_SECONDS
        self.failures += 1

    def end_request(self) -> None:
        """Count one in flight as ended, and call the listeners."""
        self.in_flight -= 1
        listeners, self.end_listeners = self.end_listeners, []
        for listener in listeners:
            listener()


@dataclass(slots=True)
class CallerFailures:
    """Refusals of one credential from one address, where it counts once in its window.

    `has_place`: it is in flight, and has not been refused in its window: it takes a place of the address.
    """

    address: FailureWindow
    own: FailureWindow = field(default_factory=FailureWindow)
    has_place: bool = False

    def full_window(self, limits: FailureLimits, now: float) -> tuple[FailureWindow, int] | None:
        """Return the window without room for one more request, and its limit; None if both have room."""
        repeats = min(limits)
        if not self.own.has_room(repeats, now):
            return self.own, repeats
        is_counted = self.has_place or now < self.own.window_ends_at
        if is_counted or self.address.has_room(limits.credentials, now):
            return None
        return self.address, limits.credentials

    def begin_request(self, now: float) -> None:
        """Count a request in flight."""
        self.own.in_flight += 1
        if not self.has_place and now >= self.own.window_ends_at:
            self.has_place = True
            self.address.in_flight += 1

    def add_failure(self, now: float) -> None:
        """Count a refusal; the first one in a window counts for the address."""
        if now >= self.own.window_ends_at:
            self.address.add_failure(now)
            self._leave_place()
        self.own.add_failure(now)

    def end_request(self) -> None:
        """Count a request in flight as ended."""
        self.own.end_request()
        if not self.own.in_flight:
            self._leave_place()

    def _leave_place(self) -> None:
        if self.has_place:
            self.has_place = False
            self.address.end_request()


@dataclass(frozen=True, slots=True)
class CredentialFailures:
    """Credential failures of all addresses of this process."""

    _addresses: LRUCache[str, FailureWindow] = field(default_factory=lambda: LRUCache(_MAX_ADDRESSES))
    _callers: LRUCache[tuple[str, str], CallerFailures] = field(
        default_factory=lambda: LRUCache(_MAX_CREDENTIALS)
    )

    def of(self, address: str, caller: str) -> CallerFailures:
        """Failures of a caller, by its identity at the upstream, from an address."""
        failures = self._callers.get((address, caller))
        if failures is None:
            failures = self._callers[address, caller] = CallerFailures(self._window_of(address))
        return failures

    def _window_of(self, address: str) -> FailureWindow:
        window = self._addresses.get(address)
        if window is None:
            window = self._addresses[address] = FailureWindow()
        return window
