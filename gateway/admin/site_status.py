"""What the handlers around one upstream keep of its practices and callers, side by side."""

from dataclasses import dataclass, field

from cachetools import LRUCache

from gateway.paging.page_sizer import Resized
from gateway.resilience.bulkhead import Bounded
from gateway.resilience.circuit_breaker import Rests
from gateway.resilience.pauses import Pauses
from gateway.resilience.rate_limiter import Paced
from gateway.resilience.rate_limits import Rates
from gateway.resilience.retry import Spending
from gateway.sites.relocation import Relocated

#: Names of callers that are remembered; the one used longest ago goes first.
_CALLERS = 1_000


@dataclass
class Callers:
    """Names that are safe to show, by the keyed hash of a caller's credentials."""

    _names: LRUCache[str, str] = field(default_factory=lambda: LRUCache(_CALLERS))

    def note(self, key: str, name: str) -> None:
        """Remember the name of one who asks."""
        self._names[key] = name

    def name(self, key: str) -> str:
        """The name of a caller, or the beginning of the hash."""
        return self._names.get(key, key[:8])


@dataclass(frozen=True, slots=True)
class Watch:
    """What the handlers around one upstream keep; rests, pauses and budgets are shared by all upstreams."""

    upstream: str
    rests: Rests
    pauses: Pauses
    rates: Rates
    spending: Spending
    paced: Paced
    bounded: Bounded
    relocated: Relocated
    resized: Resized
    callers: Callers
