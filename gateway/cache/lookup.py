"""A question that may be answered from memory, as the cache knows it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from gateway.cache.directives import RequestDirectives, request_directives
from gateway.cache.freshness import Freshness, is_cacheable, requested_types
from gateway.cache.key import cache_key
from gateway.exchange import FhirRequest, Site
from gateway.http.callers import fingerprint, is_background


async def _no_version(_: Site) -> str:
    """Where there is one configuration, and nobody tells engines apart."""
    return ""


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """How a gateway caches.

    `secret` keys the names of what is kept and is the same in all replicas; `version` is that of the
    configuration and, where it is known, of a site's engine; `shared_callers` leads from a caller's hash to
    its group. `lease`: seconds that a killed replica may hold up the others, 0 without replicas; `orphans`:
    queries that may run on when nobody waits; `downstream`: the Cache-Control of answers; `trust_etags`:
    whether an upstream's own ETags are known to change with the content.
    """

    secret: bytes
    freshness_of: Callable[[Site], Freshness] = lambda _: Freshness()
    version_of: Callable[[Site], Awaitable[str]] = _no_version
    shared_callers: Mapping[str, str] = field(default_factory=dict)
    max_body: int = 8_000_000
    lock_seconds: float = 0.0
    max_detached_fetches: int = 100
    client_cache_control: str = "private, no-cache"
    trust_etags: bool = False


@dataclass(frozen=True, slots=True)
class CacheLookup:
    """A request with its key, the resource types it is about, and what the client wants of the cache.

    `asker` tells apart who may be refused what another is not: by credentials, and as background work.
    """

    request: FhirRequest
    site: str
    key: str
    caller_fingerprint: str
    types: frozenset[str]
    freshness: Freshness
    directives: RequestDirectives


def lookup_for(
    request: FhirRequest, site: Site, config: CacheConfig, version: str = ""
) -> CacheLookup | None:
    """The question that a request puts; None where its answer is never kept. `version`: `caching` knows."""
    freshness, about = config.freshness_of(site), requested_types(request)
    if not is_cacheable(request) or freshness.lifetime(about) <= 0:
        return None
    key = cache_key(request, config.secret, version=version, shared_callers=config.shared_callers)
    asker = f"{fingerprint(request.headers)} {is_background(request.headers)}"
    return CacheLookup(request, site.guid, key, asker, about, freshness, request_directives(request))
