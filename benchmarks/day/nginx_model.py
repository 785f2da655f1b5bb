"""nginx `proxy_cache` as its documentation and source say it decides, on a clock that can be given.

What nginx 1.22 does (ngx_http_file_cache.c): an entry made in second s under `proxy_cache_valid 5s` is served
while the present second is at most s + 5. The key is what `proxy_cache_key` says: method, URI with its
arguments as they came, credentials. GET and HEAD only. `proxy_cache_lock`: one request of a key goes on, the
others wait for its entry. A write touches nothing. test_nginx_model.py holds it against nginx itself.
"""

import asyncio
import math
import re
from dataclasses import dataclass

from benchmarks.day.asking import BASE, Answer, Ask, Request
from benchmarks.day.virtual import Clock
from gateway.cache.lifetimes import LIFETIMES

#: One location for each group of resource types, with the gateway's lifetimes.
LOCATIONS = tuple((f"{BASE}({'|'.join(each.types)})", each.balanced) for each in LIFETIMES[:-1])

#: Seconds for a 404, as the gateway has it.
MISSING = 5


@dataclass(frozen=True)
class _Kept:
    answer: Answer
    until: int


class Nginx:
    """A proxy with a cache in front of `upstream`; `longer`: seconds beyond the gateway's lifetimes."""

    def __init__(self, upstream: Ask, clock: Clock, longer: int = 0) -> None:
        self._longer = longer
        self._upstream = upstream
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def __call__(self, request: Request) -> Answer:
        """The answer, from memory where there is one."""
        if request.method != "GET":
            return await self._upstream(request)
        async with self._locks.setdefault(request.path, asyncio.Lock()):
            kept = self._kept.get(request.path)
            if kept and math.floor(self._clock.seconds) <= kept.until:
                return kept.answer
            answer = await self._upstream(request)
            if answer.status in {200, 404}:
                valid = _valid(request.path) if answer.status == 200 else MISSING
                self._kept[request.path] = _Kept(
                    answer, math.floor(self._clock.seconds) + valid + self._longer
                )
            return answer


def _valid(path: str) -> int:
    return next(
        (seconds for pattern, seconds in LOCATIONS if re.match(pattern + r"(/|\?|$)", BASE + path)), 0
    )
