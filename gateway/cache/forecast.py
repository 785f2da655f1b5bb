"""What the cache does with a request: the same decision for the cache and for `$explain`."""

from typing import Literal, NamedTuple

from gateway.cache.lookup import CacheLookup
from gateway.cache.stored_response import StoredResponse


class CacheForecast(NamedTuple):
    """Use of the cache: `age` of the stored response and `lifetime` of it, or of a new one, in seconds.

    `stale`: the stored response is served at once, and the upstream asked for a new one.
    """

    use: Literal["bypass", "hit", "stale", "miss"]
    lifetime: float = 0.0
    age: float = 0.0


BYPASS = CacheForecast("bypass")


def is_hit(lookup: CacheLookup, stored: StoredResponse, age: float) -> bool:
    """Whether a stored response of this age is served without an upstream request."""
    return lookup.directives.permits(age, stored.lifetime, stored.stale_if_error)


def forecast(
    lookup: CacheLookup | None, stored: StoredResponse | None, now: float, *, may_serve_stale: bool = False
) -> CacheForecast:
    """Return what the cache would do; `now` in seconds since 1970."""
    if lookup is None or lookup.directives.no_store:
        return BYPASS
    if stored and is_hit(lookup, stored, stored.age(now)):
        return CacheForecast("hit", stored.lifetime, stored.age(now))
    if stored and may_serve_stale:
        return CacheForecast("stale", stored.lifetime, stored.age(now))
    return CacheForecast("miss", lookup.freshness.lifetime(lookup.types))
