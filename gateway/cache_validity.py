"""How long a response of a cache may be sent again."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple


class CacheValidity(NamedTuple):
    """Validity of a fresh response from the cache: its age now, and for how many seconds it stays fresh.

    Both are durations, because a clock may be set back. `is_locally_current` returns whether no write
    through this process has invalidated the response; `is_current` checks that for all replicas and is None
    if there are none. `detail`: why it is fresh past its lifetime, for Cache-Status.
    """

    age: float
    fresh_seconds: float
    is_locally_current: Callable[[], bool]
    is_current: Callable[[], Awaitable[bool]] | None = None
    detail: str = ""
