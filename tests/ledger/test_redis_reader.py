"""Reads of the ledger in Redis: limits, the end, and rows that wait. Real servers: `test_redis_ledger.py`."""

from collections.abc import Mapping
from typing import cast

import pytest
from redis import Redis
from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.reader import ReadLimits, TooManyRowsError
from gateway.ledger.redis_reader import HASHES_KEY, LINES_PREFIX, RedisReader

DAYS = ("2026-07-01", "2026-07-02", "2026-07-03")
KEY = LedgerKey(DAYS[0], GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
FIELD = f"{GUID}\tc0ffee00\tPatient\tread\tbilled\t"


class ThreeDays:
    """A Redis with a row for each of three days."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def smembers(self, key: str) -> set[str]:
        return {LINES_PREFIX + day for day in DAYS} if key == HASHES_KEY else set()

    def hgetall(self, key: str) -> Mapping[str, str]:
        self.reads.append(key.removeprefix(LINES_PREFIX))
        return {f"{FIELD}queries": "1", f"{FIELD}bytes": "10"}

    @property
    def client(self) -> Redis:
        return cast("Redis", self)


def test_read_stops_at_the_first_row_too_many() -> None:
    redis = ThreeDays()
    assert len(RedisReader(redis.client, ReadLimits(3)).rows()) == 3
    assert RedisReader(redis.client, ReadLimits(0)).rows("elsewhere") == []
    redis.reads.clear()
    with pytest.raises(TooManyRowsError):
        RedisReader(redis.client, ReadLimits(1)).rows()
    assert redis.reads == [*DAYS[:2]]


def test_day_of_any_number_of_rows_has_sums() -> None:
    reader = RedisReader(ThreeDays().client, ReadLimits(0))
    assert reader.day_sums(DAYS[0]).callers == {("c0ffee00", CostClass.BILLED): (1, 10)}


def test_end_stops_a_read_before_the_next_day() -> None:
    redis = ThreeDays()
    reader = RedisReader(redis.client, ReadLimits(has_ended=lambda: len(redis.reads) == 2))
    with pytest.raises(ConnectionError, match="LedgerEndsError"):
        reader.rows()
    assert redis.reads == [*DAYS[:2]]


def test_waiting_rows_of_the_report_are_added() -> None:
    waiting = [
        LedgerRow(KEY, 2, 20),
        LedgerRow(KEY._replace(day=DAYS[2]), 4, 40),
        LedgerRow(KEY._replace(day=DAYS[2], site="other"), 8, 80),
    ]
    reader = RedisReader(ThreeDays().client, waiting=waiting)
    assert [row.queries for row in reader.rows(GUID, DAYS[1])] == [1, 5]
    assert [row.queries for row in reader.rows()] == [3, 1, 5, 8]


def test_waiting_rows_that_were_sent_meanwhile_are_not_added() -> None:
    def require_unsent() -> None:
        raise ConnectionError("sent")

    with pytest.raises(ConnectionError, match="sent"):
        RedisReader(ThreeDays().client, waiting=[LedgerRow(KEY, 2, 20)], require_unsent=require_unsent).rows()
