"""What the cache does with a request: the same decision for the cache and for `$explain`."""

from typing import Literal, NamedTuple

from gateway.cache.lookup import CacheLookup
from gateway.cache.stored_response import StoredResponse


class CacheForecast(NamedTuple):
    """Use of the cache: `age` of the stored response and `lifetime` of it, or of a new one, in seconds.

    `stale`: the stored response is served at once, and the upstream asked for a new one. `accepted_age`: of
    data that the requesting app accepts, in seconds; 0: only for its lifetime.
    """

    use: Literal["bypass", "hit", "stale", "miss"]
    lifetime: float = 0.0
    age: float = 0.0
    accepted_age: float = 0.0


BYPASS = CacheForecast("bypass")


def is_hit(lookup: CacheLookup, stored: StoredResponse, age: float) -> bool:
    """Whether a stored response of this age is served without an upstream request.

    `min-fresh` and `max-stale` of the client count from the ordinary lifetime.
    """
    directives = lookup.directives
    accepted = lookup.lifetime_of(stored)
    if directives.permits(age, min(accepted, stored.lifetime), stored.stale_if_error):
        return True
    return not directives.min_fresh and directives.permits(age, accepted)


def forecast(
    lookup: CacheLookup | None, stored: StoredResponse | None, now: float, *, may_serve_stale: bool = False
) -> CacheForecast:
    """Return what the cache would do; `now` in seconds since 1970."""
    if lookup is None or lookup.directives.no_store:
        return BYPASS
    if stored and is_hit(lookup, stored, stored.age(now)):
        accepted = lookup.lifetime_of(stored)
        lifetime, older = min(accepted, stored.lifetime), accepted if accepted > stored.lifetime else 0.0
        return CacheForecast("hit", lifetime, stored.age(now), older)
    if stored and may_serve_stale:
        return CacheForecast("stale", stored.lifetime, stored.age(now))
    lifetime, accepted_age = lookup.freshness.lifetime(lookup.types), lookup.accepted_age(lookup.types)
    accepted = lifetime if accepted_age is None else accepted_age
    return CacheForecast(
        "miss", min(lifetime, accepted), accepted_age=accepted if accepted > lifetime else 0.0
    )
