import asyncio
import gzip
import weakref
from typing import Any

from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs
from support.asgi import FHIR, scoped
from support.ledger import Told
from support.requests import NOW, fhir_request, json_response

from gateway.exchange import CacheValidity, FhirResponse
from gateway.ledger.cost import CostClass
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.recorder import Recorder
from gateway.web.fast_path import FastPathCache, FastPathMiddleware, request_from_scope

PATIENT = {"resourceType": "Patient", "id": "1", "name": [{"family": "Zzyzx" * 400}]}


class Case:
    """A table of hits with a clock, and an application behind it that counts what it is asked."""

    def __init__(self, max_bytes: int = 1_000_000, **options: Any) -> None:
        self.time, self.written, self.others = 1_000.0, False, False
        self.books, self.reached = Told(), 0
        recorder = Recorder(self.books, DailyUsage(lambda _: None), self.books, now=lambda: NOW)
        self.hits = FastPathCache(max_bytes, recorder, lambda: self.time, **options)
        self.front = FastPathMiddleware(self._app, self.hits)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        self.reached += 1

    def keep(self, response: FhirResponse | None = None, *, shared: bool = False, **request: Any) -> None:
        """Keep an answer that is fresh for a minute."""

        async def current() -> bool:
            return not self.others

        kept = CacheValidity(1_000.0, 1_060.0, lambda: not self.written, current if shared else None)
        asked = request_from_scope(self.hits, scoped(f"{FHIR}/Patient/1", **request).scope)
        assert asked
        answer = response or json_response(PATIENT).replace(cache_validity=kept)
        self.hits.add_response(asked, fhir_request("Patient/1"), answer, [(b"etag", b'W/"1"')])

    async def get(self, **request: Any) -> list[Message]:
        """What is sent without the application; nothing when that was asked."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        each = scoped(f"{FHIR}/Patient/1", **request)
        await self.front(each.scope, each.receive, send)
        return sent


def run(case: Case, **request: Any) -> list[Message]:
    async def steps() -> list[Message]:
        return await case.get(**request)

    with capture_logs():
        return asyncio.run(steps())


def test_an_equal_request_is_answered_counted_and_logged() -> None:
    case = Case()
    case.keep()
    with capture_logs() as logs:
        start, end = asyncio.run(case.get(headers={"x-request-id": "r-9"}))
    fields = dict(start["headers"])
    assert (start["status"], end["body"]) == (200, json_response(PATIENT).body)
    assert fields[b"etag"] == b'W/"1"'
    assert (fields[b"age"], fields[b"x-request-id"]) == (b"0", b"r-9")
    assert [line.cost for line, _ in case.books.lines] == [CostClass.HIT]
    assert (logs[0]["event"], logs[0]["request_id"], logs[0]["status"]) == ("request", "r-9", 200)
    assert "Zzyzx" not in str(logs)
    assert case.reached == 0


def test_the_end_of_its_life_or_a_write_ends_a_hit() -> None:
    for end in ("time", "written", "others"):
        case = Case()
        case.keep(shared=True)
        assert run(case)
        setattr(case, end, 1_060.0 if end == "time" else True)
        assert run(case) == []
        assert case.reached == 1


def test_a_page_link_in_a_hit_is_never_much_older_than_a_new_one() -> None:
    case = Case()
    kept = CacheValidity(1_000.0, 5_000.0, lambda: True)
    case.keep(json_response(PATIENT).replace(cache_validity=kept))
    case.time = 1_059
    assert run(case)
    case.time = 1_061
    assert run(case) == []


def test_only_what_the_cache_gave_is_kept_and_only_what_fits() -> None:
    for case, answer in (
        (Case(), json_response(PATIENT)),
        (Case(max_bytes=3_000), None),
    ):
        case.keep(answer)
        assert run(case) == []


def test_what_is_ready_to_be_sent_is_counted_with_what_it_costs() -> None:
    case = Case(max_bytes=50_000)
    assert (case.hits.entry_count, case.hits.used_bytes, case.hits.max_bytes) == (0, 0, 50_000)
    case.keep()
    assert case.hits.entry_count == 1
    assert len(json_response(PATIENT).body) < case.hits.used_bytes < 50_000


def test_other_requests_are_not_answered() -> None:
    case = Case()
    case.keep()
    for request in (
        {"method": "HEAD"},
        {"method": "POST"},
        {"query": "_format=json"},
        {"headers": {"cache-control": "no-cache"}},
        {"headers": {"ocp-apim-subscription-key": "other"}},
    ):
        assert run(case, **request) == []


def test_the_clients_address_counts_where_proxies_are_trusted() -> None:
    for peers, answered in ((False, True), (True, False)):
        case = Case(vary_by_peer=peers)
        case.keep()
        assert bool(run(case, peer="10.9.9.9")) is answered


def test_gzip_is_made_once_and_says_the_same() -> None:
    async def steps() -> None:
        case = Case()
        case.keep()
        accepting = {"accept-encoding": "gzip"}
        first = await case.get(headers=accepting)
        await asyncio.gather(*case.hits._compressions)
        second, plain = await case.get(headers=accepting), await case.get()
        assert (b"content-encoding", b"gzip") not in first[0]["headers"]
        assert (b"content-encoding", b"gzip") in second[0]["headers"]
        assert gzip.decompress(second[1]["body"]) == plain[1]["body"] == first[1]["body"]
        assert dict(second[0]["headers"])[b"content-length"] == b"%d" % len(second[1]["body"])
        assert {octets for _, octets in case.books.lines} == {len(plain[1]["body"])}

    with capture_logs():
        asyncio.run(steps())


def test_an_answer_that_is_fresh_no_more_leaves_the_memory_with_the_next_that_is_kept() -> None:
    case = Case()

    def unchanged() -> bool:
        return True

    gone = weakref.ref(unchanged)
    case.keep(json_response(PATIENT).replace(cache_validity=CacheValidity(1_000.0, 1_060.0, unchanged)))
    del unchanged
    assert run(case)
    case.time = 1_061.0
    kept = CacheValidity(1_061.0, 1_100.0, lambda: True)
    case.keep(
        json_response(PATIENT).replace(cache_validity=kept), headers={"ocp-apim-subscription-key": "other"}
    )
    assert gone() is None
