"""Log of wrong admin tokens.

A limit on attempts would not make a token of 32 random bytes safer, and strangers could lock operators out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import structlog

_log = structlog.get_logger()
#: Seconds between two lines, however many wrong tokens strangers send.
_LOG_INTERVAL: Final = 60.0


@dataclass(slots=True)
class WrongTokens:
    """Counts wrong tokens, and logs their number at most once a minute."""

    clock: Callable[[], float] = monotonic
    _count: int = 0
    _next_line_at: float = field(default=float("-inf"))

    def add(self) -> None:
        """Count one wrong token."""
        self._count += 1
        if self.clock() >= self._next_line_at:
            _log.warning("admin-token-wrong", count=self._count)
            self._count, self._next_line_at = 0, self.clock() + _LOG_INTERVAL
