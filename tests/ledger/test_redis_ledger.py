"""Ledger of all replicas, on a real redis-server that is stopped, paused and started again."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest
from redis import Redis
from structlog.testing import capture_logs
from support.redis_groups import DURABLE, KINDS, RedisGroup, SharedGroups
from support.redis_server import RedisServer, redis_server
from support.requests import GUID, SITE

from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import Attribution, CostClass, LedgerKey, LedgerRow
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.ledger import Ledger
from gateway.ledger.redis_ledger import RedisLedger
from gateway.ledger.redis_reader import read_rows, read_rows_by_app

NOW = datetime.now(UTC)
TODAY = NOW.astimezone(SITE.zone).date().isoformat()
KEY = LedgerKey(TODAY, GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
HIT = KEY._replace(cost=CostClass.HIT)
ATTRIBUTION = Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read", is_batch=True)


@pytest.fixture(params=KINDS)
def redis(request: pytest.FixtureRequest, redis_groups: SharedGroups) -> Iterator[RedisServer | RedisGroup]:
    with redis_groups.of_kind(request.param, *DURABLE) as servers:
        yield servers


def redis_ledger(redis: RedisServer | RedisGroup, path: Path | None = None) -> Ledger:
    return Ledger(RedisLedger(redis.url, path, timeout=5), flush_interval=0.02)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = monotonic() + 20
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def problem(ledger: Ledger) -> str:
    return asyncio.run(ledger.problem())


def test_rows_of_all_replicas_add_up(redis: RedisServer | RedisGroup) -> None:
    first, second = redis_ledger(redis), redis_ledger(redis)
    for ledger in (first, second, first):
        ledger.add(KEY, 10)
    second.add(HIT, 7)
    first.rows()
    expected_rows = [LedgerRow(HIT, 1, 7), LedgerRow(KEY, 3, 30)]
    assert second.rows() == first.rows() == read_rows(redis.url) == expected_rows
    first.close()
    second.close()


def test_rows_are_selected_by_site_and_day(redis: RedisServer | RedisGroup) -> None:
    ledger = redis_ledger(redis)
    other_site, earlier = KEY._replace(site="other-site"), KEY._replace(day="2026-07-01")
    for key in (KEY, other_site, earlier):
        ledger.add(key, 10)
    ledger.close()
    assert [row.key for row in read_rows(redis.url, GUID)] == [earlier, KEY]
    assert [row.key for row in read_rows(redis.url, since=TODAY)] == [KEY, other_site]
    assert read_rows(redis.url, since="2999-01-01") == []


def test_open_ledger_sends_its_rows_to_redis(redis: RedisServer | RedisGroup) -> None:
    ledger = redis_ledger(redis)
    ledger.open()
    ledger.add(KEY, 10)
    wait_until(lambda: read_rows(redis.url) == [LedgerRow(KEY, 1, 10)])
    ledger.close()


def test_outage_of_redis_loses_no_count(redis: RedisServer | RedisGroup, tmp_path: Path) -> None:
    ledger = redis_ledger(redis, tmp_path / "ledger.sqlite3")
    with capture_logs() as lines:
        ledger.open()
        ledger.add(KEY, 10)
        wait_until(lambda: read_rows(redis.url))
        redis.stop()
        ledger.add(KEY, 10)
        wait_until(lambda: problem(ledger))
        for _ in range(100):
            ledger.add(HIT, 1)
        with pytest.raises(ConnectionError):
            ledger.rows()
        assert problem(ledger) in {
            "not written: Redis unavailable (ConnectionError)",
            "not written: Redis unavailable (RedisClusterException)",
        }
        redis.start()
        wait_until(lambda: not problem(ledger))
    assert ledger.rows() == read_rows(redis.url) == [LedgerRow(HIT, 100, 100), LedgerRow(KEY, 2, 20)]
    assert [line["event"] for line in lines] == ["ledger-write-failed"]
    ledger.close()


def test_unsent_rows_are_sent_after_the_next_start(redis: RedisServer | RedisGroup, tmp_path: Path) -> None:
    redis.stop()
    with capture_logs() as lines:
        ledger = redis_ledger(redis, tmp_path / "ledger.sqlite3")
        ledger.add(KEY, 10)
        ledger.close()
    assert [line["event"] for line in lines] == ["ledger-write-failed"]
    redis.start()
    redis_ledger(redis, tmp_path / "ledger.sqlite3").close()
    assert read_rows(redis.url) == [LedgerRow(KEY, 1, 10)]


def test_unsent_rows_without_a_file_are_lost_and_logged(redis: RedisServer | RedisGroup) -> None:
    redis.stop()
    with capture_logs() as lines:
        ledger = redis_ledger(redis)
        for _ in range(3):
            ledger.add(KEY, 10)
        ledger.close()
    assert lines[-1] == {"event": "ledger-lost", "queries": 3, "log_level": "error"}


def test_batch_with_lost_response_is_not_counted_twice(redis: RedisServer | RedisGroup) -> None:
    ledger = Ledger(RedisLedger(redis.url, timeout=0.3))
    ledger.add(HIT, 1)
    assert rows_with_retries(ledger) == [LedgerRow(HIT, 1, 1)]
    redis.signal(signal.SIGSTOP)
    ledger.add(KEY, 10)
    with capture_logs(), pytest.raises(ConnectionError):
        ledger.rows()
    redis.signal(signal.SIGCONT)
    wait_until(lambda: LedgerRow(KEY, 1, 10) in read_rows(redis.url))
    ledger.add(KEY, 10)
    assert rows_with_retries(ledger) == [LedgerRow(HIT, 1, 1), LedgerRow(KEY, 2, 20)]
    ledger.close()


def rows_with_retries(ledger: Ledger) -> list[LedgerRow]:
    """Rows of a ledger, even if the machine is too slow for its timeout at first."""
    results: list[list[LedgerRow]] = []

    def try_rows() -> list[list[LedgerRow]]:
        with suppress(ConnectionError):
            results.append(ledger.rows())
        return results

    with capture_logs():
        wait_until(try_rows)
    return results[0]


def test_full_redis_delays_the_ledger_without_loss() -> None:
    with redis_server("--maxmemory", "1") as full, capture_logs():
        ledger = redis_ledger(full)
        ledger.add(KEY, 10)
        assert ledger.rows() == [LedgerRow(KEY, 1, 10)]
        assert problem(ledger) == "not written: Redis unavailable (OutOfMemoryError)"
        assert read_rows(full.url) == []
        with Redis.from_url(full.url) as direct:
            direct.config_set("maxmemory", "0")
        assert ledger.rows() == read_rows(full.url) == [LedgerRow(KEY, 1, 10)]
        assert problem(ledger) == ""
        ledger.close()


@pytest.mark.parametrize(
    ("options", "events"),
    [
        ((), []),
        (("--maxmemory", "50mb", "--maxmemory-policy", "noeviction"), []),
        (("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"), ["redis-eviction-policy"]),
    ],
)
def test_redis_that_may_evict_rows_is_logged_once(options: tuple[str, ...], events: list[str]) -> None:
    with redis_server(*options) as server, capture_logs() as lines:
        ledger = redis_ledger(server)
        for _ in range(3):
            ledger.add(KEY, 10)
            ledger.rows()
        ledger.close()
    assert [line["event"] for line in lines] == events


def test_redis_without_info_permission_is_used(redis: RedisServer | RedisGroup) -> None:
    for server in redis.servers if isinstance(redis, RedisGroup) else [redis]:
        with Redis.from_url(server.url) as direct:
            direct.execute_command("ACL", "SETUSER", "default", "-info")
    ledger = redis_ledger(redis)
    ledger.add(KEY, 10)
    assert ledger.rows() == read_rows(redis.url) == [LedgerRow(KEY, 1, 10)]
    assert problem(ledger) == ""
    ledger.close()


def test_each_count_arrives_once_despite_outages_of_redis(
    redis: RedisServer | RedisGroup, tmp_path: Path
) -> None:
    paths = [tmp_path / "first.sqlite3", tmp_path / "second.sqlite3"]
    with capture_logs():
        for outage_signal in (signal.SIGSTOP, signal.SIGKILL) * 3:
            ledgers = [
                Ledger(RedisLedger(redis.url, path, timeout=0.1), flush_interval=0.01) for path in paths
            ]
            for ledger in ledgers:
                ledger.open()
            count_alternately(ledgers, 500)
            redis.signal(outage_signal)
            count_alternately(ledgers, 500)
            if outage_signal is signal.SIGSTOP:
                redis.signal(signal.SIGCONT)
            else:
                redis.stop()
                redis.start()
            for ledger in ledgers:
                ledger.close()
        for path in paths:
            ledger = Ledger(RedisLedger(redis.url, path))
            rows_with_retries(ledger)
            ledger.close()
    total = 6 * 2 * 1_000
    assert read_rows(redis.url) == [
        LedgerRow(HIT, total // 2, total // 2),
        LedgerRow(KEY, total // 2, total * 5),
    ]


def count_alternately(ledgers: list[Ledger], times: int) -> None:
    for number in range(times):
        for ledger in ledgers:
            ledger.add(KEY if number % 2 else HIT, 10 if number % 2 else 1)
        if number % 50 == 0:
            sleep(0.005)


def test_days_expire_after_the_retention(redis: RedisServer | RedisGroup) -> None:
    ledger = Ledger(RedisLedger(redis.url, retention_days=30))
    ledger.add(KEY, 10)
    ledger.close()
    with redis.direct() as direct:
        lifetimes = {direct.ttl(key) for key in direct.scan_iter()}
    assert lifetimes
    assert all(timedelta(days=30).total_seconds() - 60 < seconds <= 30 * 86_400 for seconds in lifetimes)


def test_redis_stores_the_same_fields_as_the_file(redis: RedisServer | RedisGroup) -> None:
    ledger = redis_ledger(redis)
    ledger.add(KEY, 10)
    ledger.close()
    with redis.direct(decode_responses=True) as direct:
        fields = direct.hgetall(f"halo-gateway/{{ledger}}/lines/{TODAY}")
    assert fields == {
        f"{GUID}\tc0ffee00\tPatient\tread\tbilled\tqueries": "1",
        f"{GUID}\tc0ffee00\tPatient\tread\tbilled\tbytes": "10",
    }


class Replica:
    """A ledger with its daily usage, as in a process."""

    def __init__(self, redis: RedisServer | RedisGroup) -> None:
        self.daily_usage = DailyUsage(lambda _: DailyCap(queries=10, rejects_batch=True))
        self.ledger = redis_ledger(redis)
        self.ledger.set_usage_listener(lambda usage: self.daily_usage.update_from_ledger(usage, NOW))
        self.ledger.open()

    def count(self, times: int) -> None:
        for _ in range(times):
            self.ledger.add(KEY, 10)
            self.daily_usage.add(ATTRIBUTION, CostClass.BILLED, 10, NOW)

    def rejects_batch(self) -> bool:
        return self.daily_usage.rejects_batch(ATTRIBUTION, NOW)

    @property
    def queries(self) -> int:
        return sum(status.usage.queries for status in self.daily_usage.cap_statuses(NOW))


@pytest.fixture
def replicas(redis: RedisServer | RedisGroup) -> Iterator[tuple[Replica, Replica]]:
    pair = Replica(redis), Replica(redis)
    with capture_logs():
        yield pair
        for replica in pair:
            replica.ledger.close()


def test_cap_applies_across_replicas(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas
    first.count(6)
    second.count(3)
    wait_until(lambda: (first.queries, second.queries) == (9, 9))
    assert not first.rejects_batch()
    second.count(1)
    wait_until(first.rejects_batch)
    assert second.rejects_batch()


def test_cap_continues_from_the_last_usage_during_an_outage(
    redis: RedisServer | RedisGroup, replicas: tuple[Replica, Replica]
) -> None:
    first, second = replicas
    first.count(4)
    second.count(3)
    wait_until(lambda: (first.queries, second.queries) == (7, 7))
    redis.stop()
    first.count(2)
    second.count(2)
    assert (first.queries, second.queries) == (9, 9)
    redis.start()
    wait_until(lambda: (first.queries, second.queries) == (11, 11))
    assert first.rejects_batch()


def test_rows_by_app_are_parts_of_the_totals(redis: RedisServer | RedisGroup) -> None:
    board, backend = KEY._replace(app="board"), RedisLedger(redis.url, timeout=5)
    first, older = redis_ledger(redis), redis_ledger(redis)
    first.add(board, 10)
    older.add(KEY, 10)
    older.rows()
    assert first.rows() == [LedgerRow(KEY, 2, 20)]
    first.add(board._replace(cost=CostClass.HIT), 7)
    first.rows()
    expected = [
        LedgerRow(HIT._replace(app="board"), 1, 7),
        LedgerRow(KEY, 1, 10),
        LedgerRow(board, 1, 10),
    ]
    assert first.rows_by_app() == older.rows_by_app() == read_rows_by_app(redis.url) == expected
    backend.add_counts({board: (2, 20)})
    assert backend.app_usage("") == {("board", TODAY): (3, 30)}
    with backend.open_reader() as reader:
        assert reader.rows_by_app()[-1] == LedgerRow(board, 3, 30)
    assert backend.billable_usage("") == {(GUID, TODAY): (4, 40)}
    for each in (first, older, backend):
        each.close()


def test_day_of_all_replicas_is_summed_by_caller_and_app(redis: RedisServer) -> None:
    first, second = redis_ledger(redis), redis_ledger(redis)
    first.add(KEY._replace(app="board"), 10)
    first.rows()
    second.add(KEY._replace(site="other"), 7)
    sums = second.day_sums(TODAY)
    assert sums.callers == {(KEY.caller, KEY.cost): (2, 17)}
    assert sums.apps == {("board", KEY.cost): (1, 10)}
    first.close()
    second.close()
