"""Limit on attempts to sign in, by the client's address: guesses of a stranger stop no operator elsewhere."""

from collections.abc import Callable
from math import ceil
from typing import Final

from cachetools import LRUCache

#: Maximum number of wrong tokens from one address in a window of this many seconds.
MAX_ATTEMPTS: Final = 10
WINDOW_SECONDS: Final = 60.0
#: Maximum number of addresses in memory; the one that was used longest ago is dropped first.
_MAX_ADDRESSES: Final = 10_000


class SignInAttempts:
    """Counts wrong tokens by address, in windows that begin with the first; `clock` in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._attempts: LRUCache[str, tuple[int, float]] = LRUCache(_MAX_ADDRESSES)

    def seconds_to_wait(self, address: str) -> int:
        """Return the seconds until an address may try again; 0 if it may now."""
        count, began_at = self._current(address)
        return ceil(began_at + WINDOW_SECONDS - self._clock()) if count >= MAX_ATTEMPTS else 0

    def add(self, address: str) -> None:
        """Count a wrong token."""
        count, began_at = self._current(address)
        self._attempts[address] = count + 1, began_at

    def _current(self, address: str) -> tuple[int, float]:
        """Return number and begin of the window that has not ended."""
        now = self._clock()
        count, began_at = self._attempts.get(address, (0, now))
        return (count, began_at) if now < began_at + WINDOW_SECONDS else (0, now)
