"""Model of nginx `proxy_cache` on a simulated clock, after its documentation and source.

nginx 1.22 (ngx_http_file_cache.c): an entry stored in second s under `proxy_cache_valid 5s` is served while
the current second is at most s + 5. `proxy_cache_key` consists of method, URI with unchanged arguments, and
credentials. GET and HEAD only. `proxy_cache_lock`: one request of a key is forwarded, the other requests wait
for its entry. A write invalidates nothing. test_nginx_model.py compares the model with nginx.
"""

import asyncio
import math
import re
from dataclasses import dataclass

from benchmarks.day.asgi_client import BASE, Client, Request, Response
from benchmarks.day.virtual import Clock
from gateway.cache.lifetimes import LIFETIMES

#: A location for each group of resource types, with the gateway's lifetimes in seconds.
LOCATIONS = tuple((f"{BASE}({'|'.join(lifetime.types)})", lifetime.balanced) for lifetime in LIFETIMES[:-1])

#: Lifetime of a 404 in seconds, as in the gateway.
NOT_FOUND_SECONDS = 5


@dataclass(frozen=True)
class _CacheEntry:
    response: Response
    until: int


class Nginx:
    """A proxy with a cache in front of `upstream`; `extra_seconds` are added to the gateway's lifetimes."""

    def __init__(self, upstream: Client, clock: Clock, extra_seconds: int = 0) -> None:
        self._extra_seconds = extra_seconds
        self._upstream = upstream
        self._clock = clock
        self._entries: dict[str, _CacheEntry] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def __call__(self, request: Request) -> Response:
        """Return the cached response, or forward the request."""
        if request.method != "GET":
            return await self._upstream(request)
        async with self._locks.setdefault(request.path, asyncio.Lock()):
            entry = self._entries.get(request.path)
            if entry and math.floor(self._clock.seconds) <= entry.until:
                return entry.response
            response = await self._upstream(request)
            if response.status in {200, 404}:
                seconds = _lifetime(request.path) if response.status == 200 else NOT_FOUND_SECONDS
                self._entries[request.path] = _CacheEntry(
                    response, math.floor(self._clock.seconds) + seconds + self._extra_seconds
                )
            return response


def _lifetime(path: str) -> int:
    return next(
        (seconds for pattern, seconds in LOCATIONS if re.match(pattern + r"(/|\?|$)", BASE + path)), 0
    )
