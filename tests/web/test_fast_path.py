"""Fast path: stored responses, their end, and gzip."""

import asyncio
import gc
import gzip
import random
import tracemalloc
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs
from support.asgi import FHIR, asgi_request
from support.ledger import RecordingSink, ledger_names
from support.requests import NOW, fhir_request, json_response

from gateway.cache.invalidation import Generation
from gateway.cache.prepared import AddedFields, RawHeader
from gateway.cache_validity import CacheValidity
from gateway.exchange import FhirResponse
from gateway.ledger.cost import CostClass
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.recorder import Recorder
from gateway.stores.channel import Listener
from gateway.web.fast_path import FastPathCache, FastPathMiddleware, request_from_scope

pytestmark = pytest.mark.anyio

FRESH = CacheValidity(0.0, 60.0, lambda: True)
PATIENT = {"resourceType": "Patient", "id": "1", "name": [{"family": "Zzyzx" * 400}]}


class Case:
    """A fast path with a clock, in front of an application that counts its calls."""

    def __init__(self, max_bytes: int = 1_000_000, **options: Any) -> None:
        self.time, self.local_write, self.remote_write = 1_000.0, False, False
        self.recorded, self.app_calls = RecordingSink(), 0
        recorder = Recorder(
            self.recorded, DailyUsage(lambda _: None), self.recorded, ledger_names(), now=lambda: NOW
        )
        self.cache = FastPathCache(max_bytes, recorder, lambda: self.time, **options)
        self.middleware = FastPathMiddleware(self._app, self.cache)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        self.app_calls += 1

    def store(self, response: FhirResponse | None = None, *, shared: bool = False, **request: Any) -> None:
        """Store a response that is fresh for a minute."""

        async def is_current() -> bool:
            return not self.remote_write

        validity = CacheValidity(0.0, 60.0, lambda: not self.local_write, is_current if shared else None)
        raw_request = request_from_scope(self.cache, asgi_request(f"{FHIR}/Patient/1", **request).scope)
        assert raw_request
        stored = response or json_response(PATIENT).replace(cache_validity=validity)
        self.cache.add_response(raw_request, fhir_request("Patient/1"), stored, [(b"etag", b'W/"1"')])

    async def get(self, **request: Any) -> list[Message]:
        """Messages that are sent without the application; none if it was called."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        raw = asgi_request(f"{FHIR}/Patient/1", **request)
        await self.middleware(raw.scope, raw.receive, send)
        return sent


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


async def test_identical_request_is_answered_counted_and_logged(logs: list[Any]) -> None:
    case = Case()
    case.store()
    start, end = await case.get(headers={"x-request-id": "r-9"})
    fields = dict(start["headers"])
    assert (start["status"], end["body"]) == (200, json_response(PATIENT).body)
    assert fields[b"etag"] == b'W/"1"'
    assert (fields[b"age"], fields[b"x-request-id"]) == (b"0", b"r-9")
    assert [line.cost for line, _ in case.recorded.lines] == [CostClass.HIT]
    assert (logs[0]["event"], logs[0]["request_id"], logs[0]["status"]) == ("request", "r-9", 200)
    assert "Zzyzx" not in str(logs)
    assert case.app_calls == 0


async def test_expiry_or_write_ends_a_stored_response() -> None:
    for name in ("time", "local_write", "remote_write"):
        case = Case()
        case.store(shared=True)
        assert await case.get()
        setattr(case, name, 1_060.0 if name == "time" else True)
        assert await case.get() == []
        assert case.app_calls == 1


async def test_stored_response_ends_after_a_minute() -> None:
    case = Case()
    validity = CacheValidity(0.0, 4_000.0, lambda: True)
    case.store(json_response(PATIENT).replace(cache_validity=validity))
    case.time = 1_059
    assert await case.get()
    case.time = 1_061
    assert await case.get() == []


async def test_uncached_or_large_response_is_not_stored() -> None:
    for case, response in (
        (Case(), json_response(PATIENT)),
        (Case(max_bytes=3_000), None),
    ):
        case.store(response)
        assert await case.get() == []


def test_used_bytes_include_the_overhead() -> None:
    cache = (case := Case(max_bytes=50_000)).cache
    assert (cache.entry_count, cache.used_bytes, cache.max_bytes) == (0, 0, 50_000)
    case.store()
    assert cache.entry_count == 1
    assert len(json_response(PATIENT).body) < cache.used_bytes < 50_000


async def test_other_requests_call_the_application() -> None:
    case = Case()
    case.store()
    for request in (
        {"method": "HEAD"},
        {"method": "POST"},
        {"query": "_format=json"},
        {"headers": {"cache-control": "no-cache"}},
        {"headers": {"ocp-apim-subscription-key": "other"}},
    ):
        assert await case.get(**request) == []


async def test_peer_address_matters_only_with_vary_by_peer() -> None:
    for vary_by_peer in (False, True):
        case = Case(vary_by_peer=vary_by_peer)
        case.store()
        assert bool(await case.get(peer="10.9.9.9")) is not vary_by_peer


async def test_gzip_body_is_made_once_and_equals_the_plain_body() -> None:
    case = Case()
    case.store()
    accept_gzip = {"accept-encoding": "gzip"}
    first = await case.get(headers=accept_gzip)
    await asyncio.gather(*case.cache._compressions)
    second, plain = await case.get(headers=accept_gzip), await case.get()
    assert (b"content-encoding", b"gzip") not in first[0]["headers"]
    assert (b"content-encoding", b"gzip") in second[0]["headers"]
    assert gzip.decompress(second[1]["body"]) == plain[1]["body"] == first[1]["body"]
    assert dict(second[0]["headers"])[b"content-length"] == b"%d" % len(second[1]["body"])
    assert {octets for _, octets in case.recorded.lines} == {len(plain[1]["body"])}


async def test_expired_response_is_freed_when_the_next_is_stored() -> None:
    case = Case()

    def is_unchanged() -> bool:
        return True

    reference = weakref.ref(is_unchanged)
    case.store(json_response(PATIENT).replace(cache_validity=CacheValidity(0.0, 60.0, is_unchanged)))
    del is_unchanged
    assert await case.get()
    case.time = 1_061.0
    validity = CacheValidity(0.0, 39.0, lambda: True)
    headers = {"ocp-apim-subscription-key": "other"}
    case.store(json_response(PATIENT).replace(cache_validity=validity), headers=headers)
    assert reference() is None


@pytest.mark.parametrize("body_bytes", [100, 3_000, 40_000])
async def test_memory_with_long_request_heads_stays_within_the_maximum(body_bytes: int) -> None:
    max_bytes = 2_000_000
    case = Case(max_bytes, log_request_factory=lambda *_: lambda *_: None)
    tracemalloc.start()
    try:
        for number in range(3_000_000 // (body_bytes + 2_000)):
            # Hexadecimal digits of random bytes: gzip hardly reduces them.
            data = random.Random(number).randbytes(body_bytes // 2).hex()
            headers = {"cookie": f"{number} {'c' * 8_000}", "accept-encoding": "gzip"}
            case.store(json_response({"data": data}).replace(cache_validity=FRESH), headers=headers)
            await case.get(headers=headers)
            await asyncio.gather(*case.cache._compressions)
            case.recorded.lines.clear()
            case.recorded.requests.clear()
        gc.collect()
        measured, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert case.cache.used_bytes > max_bytes / 2
    assert measured < 1.3 * max_bytes


async def test_response_larger_than_the_cache_is_not_stored() -> None:
    case = Case(4_000)
    case.store()
    assert case.cache.entry_count == 0


async def test_pages_share_a_response_but_no_origin() -> None:
    def fields_for(target: bytes, headers: Sequence[RawHeader]) -> AddedFields:
        assert target == f"{FHIR}/Patient/1".encode()
        return AddedFields(lines=dict(headers).get(b"origin", b""), vary=b"origin")

    case = Case()
    case.cache.add_fields(fields_for)
    case.store(headers={"origin": "https://a.example"})
    for origin in ("https://a.example", "https://b.example", ""):
        headers = {"origin": origin} if origin else {}
        start, _ = await case.get(headers=headers)
        assert dict(start["headers"])[b"vary"] == b"origin"
        assert "example" not in str(start["headers"])
        raw = request_from_scope(case.cache, asgi_request(f"{FHIR}/Patient/1", headers).scope)
        assert raw
        assert raw.added.lines == origin.encode()
    assert (case.cache.entry_count, case.app_calls) == (1, 0)


class CurrentChannel:
    """A channel that has missed no message: the other process sends none."""

    def set_listener(self, listener: Listener) -> None:
        """Bring nothing."""

    async def publish(self, message: bytes) -> None:
        """Send nothing."""

    def is_current(self) -> bool:
        """Miss nothing."""
        return True


async def test_write_that_is_not_pushed_ends_a_hit() -> None:
    """As a replica of an older version makes it, which counts its writes in the shared store only."""
    case = Case()
    case.cache.watch(Generation(), CurrentChannel())
    case.store(shared=True)
    request = request_from_scope(case.cache, asgi_request(f"{FHIR}/Patient/1").scope)
    assert request
    hit = case.cache.find_response(request)
    assert hit
    assert not case.cache.may_serve_at_once(hit)
    assert await case.cache.confirm(hit)
    case.time += 0.9
    assert case.cache.may_serve_at_once(hit)
    case.remote_write = True
    case.time += 0.1
    assert not case.cache.may_serve_at_once(hit)
    assert not await case.cache.confirm(hit)
    assert not case.cache.may_serve_at_once(hit)
