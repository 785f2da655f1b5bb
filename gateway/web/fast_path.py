"""Answers repeated requests before anything is routed: the same raw request, the same bytes."""

import asyncio
import gzip
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

import structlog
from cachetools import TLRUCache
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.cache.prepared import Asked, Field, Hit, Moment, asked, form
from gateway.exchange import FhirRequest, FhirResponse
from gateway.ledger.cost import Cost
from gateway.ledger.recorder import Recorder
from gateway.telemetry.access_log import shape
from gateway.web.request_id import request_id

_log = structlog.get_logger()
#: Logs one exchange by its name and its milliseconds.
Told = Callable[[str, float], None]
#: Makes that of an event and the fields that stay.
Line = Callable[[str, Mapping[str, object]], Told]
#: Bodies that gzip makes smaller for certain, and those whose coding would take long.
_LEAST, _MOST = 1_000, 8_000_000
_LEVEL = 4
#: What one kept answer costs beyond its body, and its gzip form beside it.
_OVERHEAD = 4_000
_WITH_GZIP = 1.3
#: The longest a page link in a kept answer may be older than in a new one.
_LONGEST = 60.0


class Hits:
    """Fresh answers of the cache by raw request, within `max_bytes`; gone when they are fresh no more.

    `peers`: whether a request's address changes what it is answered. Everything else is as on the long way:
    an answer ends with its lifetime and with every write at its site, and each one is counted and logged.
    `line` renders what stays of a log line once.
    """

    def __init__(
        self,
        max_bytes: int,
        recorder: Recorder,
        now: Callable[[], float],
        *,
        peers: bool = False,
        tally: Counter[tuple[str, str]] | None = None,
        line: Line | None = None,
    ) -> None:
        self._hits: TLRUCache[object, Hit] = TLRUCache(max_bytes, ttu=_ends, timer=now, getsizeof=_size)
        self._recorder = recorder
        self.now = now
        self._peers = peers
        self._tally = Counter[tuple[str, str]]() if tally is None else tally
        self._line = line or _line
        self._packing: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """Answers that are kept."""
        return len(self._hits)

    @property
    def size(self) -> int:
        """Bytes in use, what they cost included."""
        return int(self._hits.currsize)

    @property
    def most(self) -> int:
        """Bytes that may be in use."""
        return int(self._hits.maxsize)

    def asked(self, target: bytes, headers: Sequence[Field], peer: str) -> Asked | None:
        """What a raw GET asks; None if it may not have a hit."""
        return asked(target, headers, peer if self._peers else "")

    def found(self, asked: Asked) -> Hit | None:
        """The answer that is still fresh, as far as this process knows."""
        try:
            hit: Hit = self._hits[asked.key]
        except KeyError:
            return None
        if hit.kept.unchanged():
            return hit
        self._hits.pop(asked.key, None)
        return None

    def keep(self, asked: Asked, request: FhirRequest, response: FhirResponse, fields: list[Field]) -> None:
        """Keep an answer that the cache gave, for the next equal request."""
        kept = response.kept
        if kept is None or _OVERHEAD + len(response.body) * _WITH_GZIP > self._hits.maxsize:
            return
        told = {**shape(request), "status": response.status, "repairs": response.repairs}
        del told["request_id"]
        self._hits[asked.key] = Hit(
            kept,
            min(kept.ends, self.now() + _LONGEST),
            form(fields, response.body),
            self._recorder.subject(request),
            self._line("exchange", {**told, "bytes": len(response.body)}),
        )

    def answered(self, asked: Asked, hit: Hit, started: float) -> Moment:
        """Count and log one more answer; what is its own."""
        identifier = request_id(asked.request_id)
        self._recorder.count(hit.subject, Cost.HIT, len(hit.plain.body))
        self._tally[hit.subject.type, "hit"] += 1
        hit.told(identifier, (perf_counter() - started) * 1000)
        if asked.gzip and hit.gzip is None:
            self._pack(hit)
        return hit.moment(self.now(), identifier)

    def _pack(self, hit: Hit) -> None:
        """Have the gzip form made, once, beside the loop; until it is there the plain one goes out."""
        hit.gzip = hit.plain
        if not _LEAST <= len(hit.plain.body) <= _MOST:
            return
        task = asyncio.get_running_loop().create_task(_packed(hit))
        self._packing.add(task)
        task.add_done_callback(self._packing.discard)


class HitsFirst:
    """Looks among the hits before an application, asking other replicas whether they wrote."""

    def __init__(self, app: ASGIApp, hits: Hits) -> None:
        self._app = app
        self._hits = hits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from the hits, or have the application answer."""
        started, asked = perf_counter(), raw(self._hits, scope)
        hit = asked and self._hits.found(asked)
        if asked is None or hit is None or not await _current(hit):
            await self._app(scope, receive, send)
            return
        moment, found = self._hits.answered(asked, hit, started), hit.form(asked)
        headers = [*found.fields, *moment.fields]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found.body})


def raw(hits: Hits, scope: Scope) -> Asked | None:
    """What an ASGI request asks, if it may have a hit."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return hits.asked(target, scope["headers"], (scope["client"] or ("",))[0])


def _line(event: str, fields: Mapping[str, object]) -> Told:
    return lambda name, ms: _log.info(event, **fields, request_id=name, ms=round(ms, 1))


async def _current(hit: Hit) -> bool:
    return hit.kept.current is None or await hit.kept.current()


async def _packed(hit: Hit) -> None:
    body = await asyncio.to_thread(gzip.compress, hit.plain.body, _LEVEL, mtime=0)
    fields = [each for each in hit.plain.fields if each[0] != b"content-length"]
    hit.gzip = form(fields, body, "gzip")


def _ends(_: object, hit: Hit, __: float) -> float:
    return hit.until


def _size(hit: Hit) -> int:
    return int(len(hit.plain.body) * _WITH_GZIP) + _OVERHEAD
