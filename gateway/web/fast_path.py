"""Fast path for repeated requests: the same raw request gets the same bytes, before routing."""

import asyncio
import gzip
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import inf
from time import perf_counter

import structlog
from cachetools import TLRUCache
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.cache.invalidation import Generation
from gateway.cache.prepared import (
    IRRELEVANT_HEADERS,
    AddedFields,
    FastPathRequest,
    PerRequestHeaders,
    PreparedResponse,
    RawHeader,
    encode_response,
    parse_fast_path_request,
)
from gateway.exchange import FhirRequest, FhirResponse
from gateway.ledger.cost import CostClass
from gateway.ledger.recorder import Recorder
from gateway.stores.channel import Channel, NoChannel
from gateway.telemetry.access_log import AccessLog
from gateway.web.cors import with_vary
from gateway.web.head_table import HeadEntry, HeadTable
from gateway.web.hit_records import HitRecords
from gateway.web.request_id import request_id

_log = structlog.get_logger()
#: Logs one request by its id and its duration in milliseconds.
LogRequest = Callable[[str, float], None]
#: Creates a LogRequest from the log event and the fields that all requests share.
LogRequestFactory = Callable[[str, Mapping[str, object]], LogRequest]
#: Returns the fields that are added to the answer to a request, from its target and header fields.
AddedFieldsLookup = Callable[[bytes, Sequence[RawHeader]], AddedFields]
#: Bytes of a body that gzip surely reduces, and above which compression takes too long.
_MIN_GZIP_BYTES, _MAX_GZIP_BYTES = 1_000, 8_000_000
_GZIP_LEVEL = 4
#: Maximum seconds that a response is stored, because its page links expire sooner than new ones.
_MAX_SECONDS = 60.0
#: Seconds for which the answer of the shared store stands, beside what other processes push.
_CONFIRMED_SECONDS = 1.0
#: Share of the memory for the answers by request head, whose bodies are counted again: one in this number.
_SHARE_OF_HEADS = 4


class FastPathCache:
    """Fresh responses of the cache by raw request, limited to `max_bytes`.

    They end by `clock`, a monotonic one in seconds: no clock that is set back keeps them. `vary_by_peer`: the
    response depends on the client's address; `vary_by_user_agent`: on its User-Agent, by which an app is
    recognised. As with the response cache, a response ends with its lifetime and with every write at its
    site, and each request is counted and logged; `log_request_factory` renders the constant part of its log
    line once.
    """

    def __init__(  # noqa: PLR0913 - each is a part of the process
        self,
        max_bytes: int,
        recorder: Recorder,
        clock: Callable[[], float],
        *,
        vary_by_peer: bool = False,
        vary_by_user_agent: bool = False,
        outcome_counts: Counter[tuple[str, str]] | None = None,
        log_request_factory: LogRequestFactory | None = None,
        access_log: AccessLog = AccessLog(),  # noqa: B008 - it has no state
    ) -> None:
        self.heads = HeadTable(max_bytes // _SHARE_OF_HEADS)
        self._responses: TLRUCache[bytes, PreparedResponse] = TLRUCache(
            max_bytes - max_bytes // _SHARE_OF_HEADS, ttu=_expires_at, timer=clock, getsizeof=_memory_size
        )
        self._recorder = recorder
        self.clock = clock
        #: Its number changes with each invalidation that this process knows.
        self.generation = Generation()
        #: Whether all invalidations of other processes are known; None if there is no other process.
        self.is_channel_current: Callable[[], bool] | None = None
        self.vary_by_peer = vary_by_peer
        self._irrelevant_headers = IRRELEVANT_HEADERS - ({b"user-agent"} if vary_by_user_agent else set())
        self._added_fields_for: AddedFieldsLookup | None = None
        self._outcome_counts = Counter[tuple[str, str]]() if outcome_counts is None else outcome_counts
        self.records = HitRecords(recorder, self._outcome_counts, self.heads.keep)
        self._log_request_factory = log_request_factory or _make_log_request
        self._access_log = access_log
        self._compressions: set[asyncio.Task[None]] = set()

    def watch(self, generation: Generation, channel: Channel) -> None:
        """Heed the invalidations that `generation` counts and a channel brings; call it before serving."""
        self.generation = generation
        self.is_channel_current = None if isinstance(channel, NoChannel) else channel.is_current

    def add_fields(self, fields_for: AddedFieldsLookup) -> None:
        """Send fields that depend on the Origin of each request; call it before serving.

        Pages of all origins share the stored responses.
        """
        self._added_fields_for = fields_for
        self._irrelevant_headers |= {b"origin"}

    @property
    def entry_count(self) -> int:
        """Number of stored responses."""
        return len(self._responses)

    @property
    def has_responses(self) -> bool:
        """Whether a request is worth parsing: there may be a stored response."""
        return bool(self._responses.currsize)

    @property
    def used_bytes(self) -> int:
        """Bytes in use, including overhead."""
        return int(self._responses.currsize) + self.heads.used_bytes

    @property
    def max_bytes(self) -> int:
        """Maximum bytes in use."""
        return int(self._responses.maxsize) + self.heads.max_bytes

    def parse_request(self, target: bytes, headers: Sequence[RawHeader], peer: str) -> FastPathRequest | None:
        """Parse a raw GET request; None if the fast path does not support it."""
        varying_peer = peer if self.vary_by_peer else ""
        request = parse_fast_path_request(target, headers, varying_peer, self._irrelevant_headers)
        if request is None or self._added_fields_for is None:
            return request
        return request._replace(added=self._added_fields_for(target, headers))

    def find_response(self, raw_request: FastPathRequest) -> PreparedResponse | None:
        """Return the stored response if this process knows of no invalidation; else None."""
        try:
            hit: PreparedResponse = self._responses[raw_request.key]
        except KeyError:
            return None
        if hit.cache_validity.is_locally_current():
            return hit
        self._responses.pop(raw_request.key, None)
        return None

    def may_serve_at_once(self, hit: PreparedResponse) -> bool:
        """Whether no other process can have invalidated a response without this one knowing."""
        is_current = self.is_channel_current
        if is_current is None:
            return hit.cache_validity.is_current is None
        return is_current() and self.clock() < hit.confirmed_until

    async def confirm(self, hit: PreparedResponse) -> bool:
        """Whether a response is valid by the store that replicas share, if they do.

        Again after a second: a replica of an older version may count its writes without pushing them.
        """
        is_current, now = hit.cache_validity.is_current, self.clock()
        is_valid = is_current is None or await is_current()
        hit.confirmed_until = now + _CONFIRMED_SECONDS if is_valid else -inf
        return is_valid

    def add_head(self, head: bytes, peer: str, request: FastPathRequest, hit: PreparedResponse) -> None:
        """Store the answer to a request head, if it is a plain one, so that it is not parsed again."""
        entry = self.heads.add(head, peer if self.vary_by_peer else "", request, hit)
        if entry:
            self.records.watch(entry)

    def renew_entry(self, entry: HeadEntry, default_headers: Sequence[RawHeader], now: float) -> bool:
        """Check an entry as `find_response` does, and render or drop it; return whether it is valid."""
        is_valid = self.find_response(entry.request) is entry.hit and self.may_serve_at_once(entry.hit)
        if is_valid:
            entry.render(default_headers, self.generation.number, now)
        else:
            self.heads.drop(entry)
        return is_valid

    def flush(self) -> None:
        """Count the hits that wait, and write their log lines; for the thread of the event loop."""
        self.records.flush()

    def add_response(
        self,
        raw_request: FastPathRequest,
        request: FhirRequest,
        response: FhirResponse,
        headers: list[RawHeader],
    ) -> None:
        """Store a response of the cache for identical requests."""
        validity = response.cache_validity
        if validity is None:
            return
        fields = self._access_log.shared_fields(request, response.replace(trace_id=""))
        del fields["request_id"]
        now = self.clock()
        fresh_until = now + validity.fresh_seconds
        prepared = PreparedResponse(
            validity,
            now - validity.age,
            fresh_until,
            min(fresh_until, now + _MAX_SECONDS),
            encode_response(with_vary(headers, raw_request.added.vary), response.body),
            self._recorder.attribution_of(request),
            self._log_request_factory("request", fields),
            confirmed_until=inf if validity.is_current is None else -inf,
        )
        self._store(raw_request.key, prepared)

    def record_hit(
        self, raw_request: FastPathRequest, hit: PreparedResponse, started_at: float
    ) -> PerRequestHeaders:
        """Count and log a request, and return the header fields of its response alone."""
        identifier = request_id(raw_request.request_id)
        self._recorder.count_requests(hit.attribution, CostClass.HIT, len(hit.plain.body))
        self._outcome_counts[hit.attribution.type, "hit"] += 1
        hit.log_request(identifier, (perf_counter() - started_at) * 1000)
        if raw_request.accepts_gzip and hit.gzip is None:
            self._start_compression(raw_request.key, hit)
        return hit.per_request_headers(self.clock(), identifier)

    def _store(self, key: bytes, prepared: PreparedResponse) -> None:
        """Store a response, or replace it after its size has changed; none that is larger than the cache."""
        self._responses.pop(key, None)
        if prepared.memory_size <= self._responses.maxsize:
            self._responses[key] = prepared

    def _start_compression(self, key: bytes, hit: PreparedResponse) -> None:
        """Compress the body once, in a thread; clients receive the plain body until it is ready."""
        hit.gzip = hit.plain
        if not _MIN_GZIP_BYTES <= len(hit.plain.body) <= _MAX_GZIP_BYTES:
            return
        task = asyncio.get_running_loop().create_task(self._compress(key, hit))
        self._compressions.add(task)
        task.add_done_callback(self._compressions.discard)

    async def _compress(self, key: bytes, hit: PreparedResponse) -> None:
        body = await asyncio.to_thread(gzip.compress, hit.plain.body, _GZIP_LEVEL, mtime=0)
        fields = [field for field in hit.plain.headers if field[0] != b"content-length"]
        hit.gzip = encode_response(fields, body, "gzip")
        if self._responses.get(key) is hit:
            self._store(key, hit)


class FastPathMiddleware:
    """ASGI middleware in front of an application; checks with the shared store that a hit is still valid."""

    def __init__(self, app: ASGIApp, hits: FastPathCache) -> None:
        self._app = app
        self._hits = hits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stored response, or call the application."""
        started_at, request = perf_counter(), request_from_scope(self._hits, scope)
        hit = request and self._hits.find_response(request)
        if request is None or hit is None or not await self._hits.confirm(hit):
            await self._app(scope, receive, send)
            return
        own, encoded = self._hits.record_hit(request, hit, started_at), hit.encoding_for(request)
        headers = [*encoded.headers, *own.headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": encoded.body})


def request_from_scope(hits: FastPathCache, scope: Scope) -> FastPathRequest | None:
    """Parse an ASGI request; None if the fast path does not support it."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return hits.parse_request(target, scope["headers"], (scope["client"] or ("",))[0])


def _make_log_request(event: str, fields: Mapping[str, object]) -> LogRequest:
    return lambda request_id, ms: _log.info(event, request_id=request_id, **fields, ms=round(ms, 1))


def _expires_at(_: object, hit: PreparedResponse, __: float) -> float:
    return hit.expires_at


def _memory_size(hit: PreparedResponse) -> int:
    return hit.memory_size
