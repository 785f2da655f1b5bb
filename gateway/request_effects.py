"""What a client's request has caused so far, for its answer and log line if the shutdown cuts it off.

The handlers return what they caused with their response; one that is cut off returns nothing. Tasks that a
request starts, such as a shared query or the entries of a batch, count for it, too.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class RequestEffects:
    """Queries that may be billed and that no event names yet; whether it is a batch that only reads."""

    queries: int = 0
    only_reads: bool = False


_current: ContextVar[RequestEffects | None] = ContextVar("request_effects", default=None)


def begin_effects() -> RequestEffects:
    """Return the effects of the request that begins in this task."""
    effects = RequestEffects()
    _current.set(effects)
    return effects


def current_effects() -> RequestEffects:
    """Return the effects of the request of this task; of work without one they are lost."""
    return _current.get() or RequestEffects()
