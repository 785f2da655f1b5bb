"""The ledger of all replicas, on a real redis-server that is stopped, paused and started again."""

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
from support.redis_server import RedisServer, redis_server
from support.requests import GUID, SITE

from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import Attribution, CostClass, LedgerKey, LedgerRow
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.ledger import Ledger
from gateway.ledger.redis_ledger import RedisLedger, read_rows

NOW = datetime.now(UTC)
TODAY = NOW.astimezone(SITE.zone).date().isoformat()
LINE = LedgerKey(TODAY, GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
HIT = LINE._replace(cost=CostClass.HIT)
SUBJECT = Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read", is_batch=True)
#: Redis keeps what it was told, also through a kill.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server(*DURABLE) as running:
        yield running


def shared(redis: RedisServer, path: Path | None = None, **more: float) -> Ledger:
    return Ledger(RedisLedger(redis.url, path, timeout=5), flush_interval=0.02, **more)


def _until(held: Callable[[], object]) -> None:
    until = monotonic() + 20
    while not held():
        assert monotonic() < until
        sleep(0.01)


def problem(ledger: Ledger) -> str:
    return asyncio.run(ledger.problem())


def test_lines_of_all_replicas_add_up(redis: RedisServer) -> None:
    one, other = shared(redis), shared(redis)
    for ledger in (one, other, one):
        ledger.add(LINE, 10)
    other.add(HIT, 7)
    one.rows()
    assert (
        other.rows() == one.rows() == read_rows(redis.url) == [LedgerRow(HIT, 1, 7), LedgerRow(LINE, 3, 30)]
    )
    one.close()
    other.close()


def test_rows_are_chosen_by_site_and_day(redis: RedisServer) -> None:
    ledger, elsewhere, earlier = (
        shared(redis),
        LINE._replace(site="elsewhere"),
        LINE._replace(day="2026-07-01"),
    )
    for line in (LINE, elsewhere, earlier):
        ledger.add(line, 10)
    ledger.close()
    assert [row.key for row in read_rows(redis.url, GUID)] == [earlier, LINE]
    assert [row.key for row in read_rows(redis.url, since=TODAY)] == [LINE, elsewhere]
    assert read_rows(redis.url, since="2999-01-01") == []


def test_a_running_ledger_brings_its_lines_to_redis_by_itself(redis: RedisServer) -> None:
    ledger = shared(redis)
    ledger.open()
    ledger.add(LINE, 10)
    _until(lambda: read_rows(redis.url) == [LedgerRow(LINE, 1, 10)])
    ledger.close()


def test_redis_stopped_and_started_again_loses_nothing_and_delays_nobody(
    redis: RedisServer, tmp_path: Path
) -> None:
    ledger = shared(redis, tmp_path / "ledger.sqlite3")
    with capture_logs() as lines:
        ledger.open()
        ledger.add(LINE, 10)
        _until(lambda: read_rows(redis.url))
        redis.stop()
        ledger.add(LINE, 10)
        _until(lambda: problem(ledger))
        for _ in range(100):
            ledger.add(HIT, 1)
        with pytest.raises(ConnectionError):
            ledger.rows()
        assert problem(ledger) == "not written: Redis is away (ConnectionError)"
        redis.start()
        _until(lambda: not problem(ledger))
    assert ledger.rows() == read_rows(redis.url) == [LedgerRow(HIT, 100, 100), LedgerRow(LINE, 2, 20)]
    assert [each["event"] for each in lines] == ["ledger-write-failed"]
    ledger.close()


def test_what_redis_did_not_get_before_the_end_is_sent_after_the_next_start(
    redis: RedisServer, tmp_path: Path
) -> None:
    redis.stop()
    with capture_logs() as lines:
        ledger = shared(redis, tmp_path / "ledger.sqlite3")
        ledger.add(LINE, 10)
        ledger.close()
    assert [each["event"] for each in lines] == ["ledger-write-failed"]
    redis.start()
    shared(redis, tmp_path / "ledger.sqlite3").close()
    assert read_rows(redis.url) == [LedgerRow(LINE, 1, 10)]


def test_without_a_file_what_redis_did_not_get_is_lost_at_the_end_and_said(redis: RedisServer) -> None:
    redis.stop()
    with capture_logs() as lines:
        ledger = shared(redis)
        for _ in range(3):
            ledger.add(LINE, 10)
        ledger.close()
    assert lines[-1] == {"event": "ledger-lost", "queries": 3, "log_level": "error"}


def test_a_batch_that_arrived_though_nobody_heard_so_is_not_counted_twice(redis: RedisServer) -> None:
    ledger = Ledger(RedisLedger(redis.url, timeout=0.3))
    ledger.add(HIT, 1)
    assert patiently(ledger) == [LedgerRow(HIT, 1, 1)]
    redis.signal(signal.SIGSTOP)
    ledger.add(LINE, 10)
    with capture_logs(), pytest.raises(ConnectionError):
        ledger.rows()
    redis.signal(signal.SIGCONT)
    _until(lambda: LedgerRow(LINE, 1, 10) in read_rows(redis.url))
    ledger.add(LINE, 10)
    assert patiently(ledger) == [LedgerRow(HIT, 1, 1), LedgerRow(LINE, 2, 20)]
    ledger.close()


def patiently(ledger: Ledger) -> list[LedgerRow]:
    """The rows, though the machine may be too slow for so short a time-out."""
    found: list[list[LedgerRow]] = []

    def tried() -> list[list[LedgerRow]]:
        with suppress(ConnectionError):
            found.append(ledger.rows())
        return found

    with capture_logs():
        _until(tried)
    return found[0]


def test_a_redis_that_takes_no_writes_delays_the_ledger_of_which_nothing_is_missing() -> None:
    with redis_server("--maxmemory", "1") as full, capture_logs():
        ledger = shared(full)
        ledger.add(LINE, 10)
        assert ledger.rows() == [LedgerRow(LINE, 1, 10)]
        assert problem(ledger) == "not written: Redis is away (OutOfMemoryError)"
        assert read_rows(full.url) == []
        with Redis.from_url(full.url) as direct:
            direct.config_set("maxmemory", "0")
        assert ledger.rows() == read_rows(full.url) == [LedgerRow(LINE, 1, 10)]
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
def test_a_redis_that_may_drop_lines_is_said_once(options: tuple[str, ...], events: list[str]) -> None:
    with redis_server(*options) as running, capture_logs() as lines:
        ledger = shared(running)
        for _ in range(3):
            ledger.add(LINE, 10)
            ledger.rows()
        ledger.close()
    assert [each["event"] for each in lines] == events


def test_a_redis_that_does_not_tell_of_its_memory_is_used_all_the_same(redis: RedisServer) -> None:
    with Redis.from_url(redis.url) as direct:
        direct.execute_command("ACL", "SETUSER", "default", "-info")
    ledger = shared(redis)
    ledger.add(LINE, 10)
    assert ledger.rows() == read_rows(redis.url) == [LedgerRow(LINE, 1, 10)]
    assert problem(ledger) == ""
    ledger.close()


def test_whatever_happens_to_redis_each_count_arrives_once(redis: RedisServer, tmp_path: Path) -> None:
    paths = [tmp_path / "one.sqlite3", tmp_path / "other.sqlite3"]
    with capture_logs():
        for trouble in (signal.SIGSTOP, signal.SIGKILL) * 3:
            ledgers = [
                Ledger(RedisLedger(redis.url, path, timeout=0.1), flush_interval=0.01) for path in paths
            ]
            for each in ledgers:
                each.open()
            _counted(ledgers, 500)
            redis.signal(trouble)
            _counted(ledgers, 500)
            if trouble is signal.SIGSTOP:
                redis.signal(signal.SIGCONT)
            else:
                redis.stop()
                redis.start()
            for each in ledgers:
                each.close()
        for path in paths:
            last = Ledger(RedisLedger(redis.url, path))
            patiently(last)
            last.close()
    total = 6 * 2 * 1_000
    assert read_rows(redis.url) == [
        LedgerRow(HIT, total // 2, total // 2),
        LedgerRow(LINE, total // 2, total * 5),
    ]


def _counted(ledgers: list[Ledger], times: int) -> None:
    for number in range(times):
        for each in ledgers:
            each.add(LINE if number % 2 else HIT, 10 if number % 2 else 1)
        if number % 50 == 0:
            sleep(0.005)


def test_days_end_by_themselves(redis: RedisServer) -> None:
    ledger = Ledger(RedisLedger(redis.url, retention_days=30))
    ledger.add(LINE, 10)
    ledger.close()
    with Redis.from_url(redis.url) as direct:
        lives = {direct.ttl(key) for key in direct.scan_iter()}
    assert lives
    assert all(timedelta(days=30).total_seconds() - 60 < each <= 30 * 86_400 for each in lives)


def test_redis_holds_no_more_than_the_file_would(redis: RedisServer) -> None:
    ledger = shared(redis)
    ledger.add(LINE, 10)
    ledger.close()
    with Redis.from_url(redis.url, decode_responses=True) as direct:
        fields = direct.hgetall(f"halo-gateway/{{ledger}}/lines/{TODAY}")
    assert fields == {
        f"{GUID}\tc0ffee00\tPatient\tread\tbilled\tqueries": "1",
        f"{GUID}\tc0ffee00\tPatient\tread\tbilled\tbytes": "10",
    }


class Replica:
    """A ledger with its daily use, as a process has them."""

    def __init__(self, redis: RedisServer) -> None:
        self.use = DailyUsage(lambda _: DailyCap(queries=10, rejects_batch=True))
        self.ledger = shared(redis)
        self.ledger.set_usage_listener(lambda others: self.use.update_from_ledger(others, NOW))
        self.ledger.open()

    def paid(self, times: int) -> None:
        for _ in range(times):
            self.ledger.add(LINE, 10)
            self.use.add(SUBJECT, CostClass.BILLED, 10, NOW)

    def stops(self) -> bool:
        return self.use.rejects_batch(SUBJECT, NOW)

    @property
    def used(self) -> int:
        return sum(each.usage.queries for each in self.use.cap_statuses(NOW))


@pytest.fixture
def replicas(redis: RedisServer) -> Iterator[tuple[Replica, Replica]]:
    both = Replica(redis), Replica(redis)
    with capture_logs():
        yield both
        for each in both:
            each.ledger.close()


def test_a_cap_holds_across_replicas(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    one.paid(6)
    other.paid(3)
    _until(lambda: (one.used, other.used) == (9, 9))
    assert not one.stops()
    other.paid(1)
    _until(one.stops)
    assert other.stops()


def test_a_cap_goes_on_from_what_is_known_while_redis_is_away(
    redis: RedisServer, replicas: tuple[Replica, Replica]
) -> None:
    one, other = replicas
    one.paid(4)
    other.paid(3)
    _until(lambda: (one.used, other.used) == (7, 7))
    redis.stop()
    one.paid(2)
    other.paid(2)
    assert (one.used, other.used) == (9, 9)
    redis.start()
    _until(lambda: (one.used, other.used) == (11, 11))
    assert one.stops()
