"""When a server that was told to end announces the end of connections, and refuses new ones."""

from dataclasses import dataclass
from typing import Final

#: A second signal within these seconds is the first one: `timeout` signals a process and then its group.
SAME_SIGNAL_SECONDS: Final = 1.0
#: Last part of the delay, at most half of it, in which answers end their connections.
_LAST_SECONDS: Final = 5.0


@dataclass(slots=True)
class ShutdownSchedule:
    """Parts of the end of a server, in seconds of one clock, from the first signal on.

    During `delay` the server is not ready, and serves. In the last part of it answers end their connections,
    so that clients keep none by the end; new connections are accepted until then.
    """

    delay: float = 0.0
    skips_delay: bool = False
    #: Whether a second signal came: requests in flight have no more time.
    is_cut_short: bool = False
    _begun_at: float | None = None

    def note_signal(self, now: float) -> None:
        """Begin, or cut short what has begun."""
        if self._begun_at is None:
            self._begun_at = now
        elif now - self._begun_at > SAME_SIGNAL_SECONDS:
            self.is_cut_short = True

    def skip_delay(self, now: float) -> None:
        """Begin without the delay: nobody needs to notice, such as at a terminal."""
        self.skips_delay = True
        if self._begun_at is None:
            self._begun_at = now

    @property
    def has_begun(self) -> bool:
        """Whether the server was told to end, and so is no longer ready."""
        return self._begun_at is not None

    def ends_connections(self, now: float) -> bool:
        """Whether each answer ends its connection."""
        return self._remaining_delay(now) <= min(self.delay / 2, _LAST_SECONDS)

    def is_delay_over(self, now: float) -> bool:
        """Whether new connections are refused."""
        return self._remaining_delay(now) <= 0

    def _remaining_delay(self, now: float) -> float:
        if self._begun_at is None:
            return float("inf")
        return 0.0 if self.skips_delay or self.is_cut_short else self._begun_at + self.delay - now
