"""Counts and log lines of hits that wait."""

import asyncio
import json
from collections import Counter
from io import BytesIO
from math import inf

import pytest
from cache.test_prepared import PLAIN
from support.ledger import RecordingSink, ledger_names
from support.requests import NOW, fhir_request
from web.test_head_table import HEAD, REQUEST

from gateway.cache.prepared import PreparedResponse, encode_response
from gateway.cache_validity import CacheValidity
from gateway.ledger.cost import CostClass
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.recorder import Recorder
from gateway.telemetry.log_config import BatchedLogStream
from gateway.web.head_table import HeadEntry
from gateway.web.hit_records import MAX_WAIT_SECONDS, HitRecords

pytestmark = pytest.mark.anyio


class Case:
    """Records of one entry, and its log."""

    def __init__(self) -> None:
        self.sink, self.outcomes, self.log = RecordingSink(), Counter[tuple[str, str]](), BytesIO()
        recorder = Recorder(self.sink, DailyUsage(lambda _: None), self.sink, ledger_names(), now=lambda: NOW)
        self.stream = BatchedLogStream(self.log)
        validity = CacheValidity(0.0, 60.0, lambda: True)
        attribution = recorder.attribution_of(fhir_request("Patient/1"))
        logger = self.stream.event_logger("request", {"status": 200})
        encoded = encode_response(PLAIN, b"12345")
        hit = PreparedResponse(validity, 0.0, 60.0, 60.0, encoded, attribution, logger, confirmed_until=inf)
        self.entry, self.records = HeadEntry(HEAD, "", REQUEST, hit), HitRecords(recorder, self.outcomes)
        self.records.watch(self.entry)

    def hit(self, identifier: bytes = b"r-1", now: float = 1.0) -> None:
        if now >= self.records.line_end_until:
            self.records.renew(now)
        if not self.entry.hits:
            self.records.add_active(self.entry)
        self.entry.hits += 1
        assert self.entry.add_lines
        self.entry.add_lines((self.entry.line_start, identifier, self.records.line_end))

    @property
    def ids(self) -> list[str]:
        return [json.loads(line)["request_id"] for line in self.log.getvalue().splitlines()]


async def test_flush_counts_each_hit_once() -> None:
    case = Case()
    for _ in range(3):
        case.hit()
    assert case.sink.lines == []
    case.records.flush()
    case.records.flush()
    assert case.sink.costs == [CostClass.HIT] * 3
    assert case.sink.octets == [5] * 3
    assert case.outcomes == {("Patient", "hit"): 3}
    assert (case.records.counted, case.ids) == (3, ["r-1"] * 3)
    case.hit()
    case.records.flush()
    assert case.records.counted == 4


async def test_hits_wait_no_longer_than_the_limit() -> None:
    case = Case()
    case.hit(b"a")
    case.hit(b"b")
    await asyncio.sleep(0)
    assert case.ids == []
    await asyncio.sleep(MAX_WAIT_SECONDS + 0.1)
    assert (case.ids, case.records.counted) == (["a", "b"], 2)
    case.hit(b"c")
    await asyncio.sleep(MAX_WAIT_SECONDS + 0.1)
    assert (case.ids, case.records.counted) == (["a", "b", "c"], 3)


async def test_other_lines_are_written_in_their_order() -> None:
    case = Case()
    case.hit(b"a")
    case.stream.event_logger("request", {})("b", 1.0)
    case.hit(b"c")
    await asyncio.sleep(0)
    assert case.ids == ["a", "b", "c"]


async def test_waiting_lines_are_bounded() -> None:
    case = Case()
    for number in range(1_000):
        case.hit(now=float(number))
        assert case.stream.pending_count <= 3 * 257
    assert len(case.ids) > 700


async def test_line_has_the_form_of_any_other() -> None:
    case = Case()
    case.hit()
    case.stream.event_logger("request", {"status": 200})("r-1", 0.0)
    case.records.flush()
    lines = [json.loads(line) for line in case.log.getvalue().splitlines()]
    stamps = [line.pop("timestamp") for line in lines]
    assert lines[0] == lines[1]
    assert stamps[0][:16] == stamps[1][:16]


async def test_log_above_info_gets_no_line() -> None:
    stream = BatchedLogStream(BytesIO(), logs_info=False)
    hit = PreparedResponse(
        CacheValidity(0.0, 60.0, lambda: True), 0.0, 60.0, 60.0, encode_response([], b""), None,
        stream.event_logger("request", {}),
    )  # fmt: skip
    entry = HeadEntry(HEAD, "", REQUEST, hit)
    assert entry.add_lines is None
    entry.hit.log_request("r-1", 0.0)
    assert stream.pending_count == 0
