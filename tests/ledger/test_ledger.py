"""Ledger in a file: writing, outages and shutdown."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.endless_reads import make_reads_endless
from support.requests import GUID
from support.stopwatch import Stopwatch

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.ledger import CLOSE_SECONDS, MAX_READS, Ledger
from gateway.ledger.reader import NO_LIMITS, LedgerEndsError, ReadLimits, TooManyRowsError
from gateway.ledger.sqlite_ledger import SqliteLedger
from gateway.ledger.sqlite_reader import SqliteReader, connect_read_only, read_rows

TODAY = datetime.now(UTC).date().isoformat()
OTHER_SITE = "0a1b2c3d-0000-4000-8000-00000000000b"


def row_key(
    cost: CostClass = CostClass.BILLED, day: str = TODAY, site: str = GUID, app: str = ""
) -> LedgerKey:
    return LedgerKey(day, site, "c0ffee00", "Patient", "read", cost, app)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    file_ledger = Ledger(SqliteLedger(path), flush_interval=0.05)
    file_ledger.open()
    yield file_ledger
    file_ledger.close()


def count(ledger: Ledger, *keys: LedgerKey, octets: int = 10) -> None:
    for key in keys:
        ledger.add(key, octets)


def test_equal_keys_are_one_row(ledger: Ledger) -> None:
    count(ledger, row_key(), row_key(), row_key(CostClass.HIT))
    assert ledger.rows() == [LedgerRow(row_key(CostClass.HIT), 1, 10), LedgerRow(row_key(), 2, 20)]


def test_rows_are_selected_by_site_and_day(ledger: Ledger) -> None:
    count(
        ledger,
        row_key(day="2026-07-01"),
        row_key(day="2026-07-02"),
        row_key(day="2026-07-02", site=OTHER_SITE),
    )
    assert [row.key.day for row in ledger.rows(GUID)] == ["2026-07-01", "2026-07-02"]
    assert [row.key.site for row in ledger.rows(since="2026-07-02")] == [GUID, OTHER_SITE]
    assert ledger.rows(GUID, "2026-07-03") == []


def test_file_is_written_while_the_gateway_runs(path: Path) -> None:
    ledger = Ledger(SqliteLedger(path))
    ledger.open()
    count(ledger, row_key())
    deadline = time.monotonic() + 20
    while not (path.exists() and has_rows(path)) and time.monotonic() < deadline:
        time.sleep(0.02)
    rows = read_rows(path)
    ledger.close()
    assert rows == [LedgerRow(row_key(), 1, 10)]


def has_rows(path: Path) -> bool:
    try:
        return bool(read_rows(path))
    except sqlite3.Error:
        return False


def test_close_writes_waiting_counts(path: Path) -> None:
    ledger = Ledger(SqliteLedger(path), flush_interval=60)
    ledger.open()
    count(ledger, row_key(), row_key())
    ledger.close()
    assert read_rows(path) == [LedgerRow(row_key(), 2, 20)]


def test_reopened_ledger_adds_to_its_rows(path: Path) -> None:
    for _ in range(3):
        ledger = Ledger(SqliteLedger(path))
        count(ledger, row_key())
        ledger.close()
    assert read_rows(path) == [LedgerRow(row_key(), 3, 30)]


def test_processes_share_a_file(path: Path) -> None:
    first, second = Ledger(SqliteLedger(path)), Ledger(SqliteLedger(path))
    count(first, row_key())
    count(second, row_key())
    assert {tuple(first.rows()), tuple(second.rows())} <= {
        (LedgerRow(row_key(), 1, 10),),
        (LedgerRow(row_key(), 2, 20),),
    }
    first.close()
    second.close()
    assert read_rows(path) == [LedgerRow(row_key(), 2, 20)]


def test_own_usage_survives_a_clock_that_was_ahead(path: Path) -> None:
    usages: list[dict[tuple[str, str], tuple[int, int]]] = []
    times = [datetime.now(UTC)]
    own, other = Ledger(SqliteLedger(path), now=lambda: times[-1]), Ledger(SqliteLedger(path))
    own.set_usage_listener(lambda usage: usages.append(dict(usage)))
    for days in (0, 900, 0):
        times.append(times[0] + timedelta(days=days))
        count(own, row_key(day=times[-1].date().isoformat()))
        own.rows()
        count(other, row_key())
        other.rows()
    own.rows()
    assert usages[-1][GUID, TODAY] == (3, 30)
    own.close()
    other.close()


def test_usage_of_apps_survives_a_clock_that_was_ahead(path: Path) -> None:
    usages: list[dict[tuple[str, str], tuple[int, int]]] = []
    times = [datetime.now(UTC)]
    own, other = Ledger(SqliteLedger(path), now=lambda: times[-1]), Ledger(SqliteLedger(path))
    own.set_usage_listener(lambda _: None)
    own.follow_apps(lambda usage: usages.append(dict(usage)), lambda _: None)
    count(other, row_key(app="board"))
    other.rows()
    for days in (0, 40, 0):
        times.append(times[0] + timedelta(days=days))
        count(own, row_key(day=times[-1].date().isoformat(), app="board"))
        own.rows()
    assert usages[-1]["board", TODAY] == (1, 10)
    own.close()
    other.close()


def test_concurrent_threads_lose_no_count(ledger: Ledger) -> None:
    threads = [threading.Thread(target=count, args=(ledger, *[row_key()] * 2_000)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.rows() == [LedgerRow(row_key(), 8_000, 80_000)]


def test_ledger_without_path_counts_in_memory() -> None:
    ledger = Ledger(SqliteLedger())
    count(ledger, row_key(), row_key())
    assert ledger.rows() == [LedgerRow(row_key(), 2, 20)]
    ledger.close()


@pytest.mark.anyio
async def test_unwritable_file_delays_the_ledger_without_loss(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    ledger = Ledger(SqliteLedger(folder / "ledger.sqlite3"), flush_interval=0.02)
    with capture_logs() as lines:
        ledger.open()
        count(ledger, row_key())
        await wait_for_problem(ledger, "not written: SQLITE_CANTOPEN")
        count(ledger, row_key())
        await asyncio.sleep(0.1)
        assert await ledger.problem() == "not written: SQLITE_CANTOPEN"
        folder.mkdir()
        await wait_for_problem(ledger, "")
    assert [line["event"] for line in lines] == ["ledger-write-failed"]
    assert ledger.rows() == [LedgerRow(row_key(), 2, 20)]
    ledger.close()


async def wait_for_problem(ledger: Ledger, text: str) -> None:
    deadline = time.monotonic() + 20
    while await ledger.problem() != text:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_file_without_database_is_reported_and_unchanged(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)  # noqa: ASYNC240 - a small file
    ledger = Ledger(SqliteLedger(path))
    count(ledger, row_key(), row_key())
    with capture_logs() as lines:
        ledger.close()
    assert await ledger.problem() == "not written: SQLITE_NOTADB"
    assert lines[-1] == {"event": "ledger-lost", "queries": 2, "log_level": "error"}
    assert path.read_bytes().startswith(b"not a database")  # noqa: ASYNC240 - a small file


def test_end_waits_for_a_locked_file_only_so_long(ledger: Ledger, path: Path) -> None:
    count(ledger, row_key())
    ledger.rows()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        count(ledger, row_key(), row_key())
        time.sleep(0.2)  # the writer waits for the lock now
        count(ledger, row_key())
        with Stopwatch() as wait, capture_logs() as lines:
            ledger.close()
        assert wait.seconds < CLOSE_SECONDS + 0.5
    assert lines[-1] == {"event": "ledger-lost", "queries": 3, "log_level": "error"}
    assert read_rows(path) == [LedgerRow(row_key(), 1, 10)]
    wait_until(lambda: read_rows(path) == [LedgerRow(row_key(), 4, 40)])  # an attempt that goes on
    wait_until(lambda: ledger._backend._connection is None)


def test_lock_that_ends_in_time_loses_nothing(ledger: Ledger, path: Path) -> None:
    ledger.rows()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        count(ledger, row_key(), row_key())
        unlocking = threading.Timer(CLOSE_SECONDS - 1, other.rollback)
        unlocking.start()
        with capture_logs() as lines:
            ledger.close()
        unlocking.join()
    assert [line["event"] for line in lines] in ([], ["ledger-write-failed"])
    assert read_rows(path) == [LedgerRow(row_key(), 2, 20)]


def test_read_does_not_hold_the_end_of_a_ledger(ledger: Ledger, path: Path) -> None:
    ledger.rows()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        count(ledger, row_key())
        time.sleep(0.2)  # the writer waits for the lock now
        threading.Timer(0.2, ledger.close).start()
        with Stopwatch() as wait, pytest.raises(ConnectionError, match="ends"):
            ledger.rows()
        assert wait.seconds < 1
        other.rollback()


class EndlessReads(SqliteLedger):
    """A file whose reads end only with the ledger; `opened` counts them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._endless_path = path.with_name("endless.sqlite3")
        make_reads_endless(self._endless_path)
        self.opened = 0

    @contextmanager
    def open_reader(self, limits: ReadLimits = NO_LIMITS) -> Iterator[SqliteReader]:
        """Open a reader of the endless file."""
        with closing(connect_read_only(self._endless_path)) as file:
            self.opened += 1
            yield SqliteReader(file, limits)


def test_reads_neither_hold_up_the_writer_nor_the_end(path: Path) -> None:
    backend, errors = EndlessReads(path), list[Exception]()
    ledger = Ledger(backend, flush_interval=0.02)
    ledger.open()

    def read() -> None:
        try:
            ledger.rows()
        except LedgerEndsError as error:
            errors.append(error)

    threads = [threading.Thread(target=read, daemon=True) for _ in range(MAX_READS + 2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: backend.opened == MAX_READS)
    count(ledger, row_key())
    wait_until(lambda: read_rows(path) == [LedgerRow(row_key(), 1, 10)])
    count(ledger, row_key())
    with Stopwatch() as wait, capture_logs() as lines:
        ledger.close()
        for thread in threads:
            thread.join(5)
    assert wait.seconds < 1
    assert (len(errors), backend.opened, lines) == (len(threads), MAX_READS, [])
    assert read_rows(path) == [LedgerRow(row_key(), 2, 20)]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_too_many_rows_are_an_error_and_end_nothing(path: Path) -> None:
    ledger = Ledger(SqliteLedger(path), max_rows=1)
    count(ledger, row_key())
    for _ in range(MAX_READS + 1):
        assert len(ledger.rows()) == 1
    count(ledger, row_key(CostClass.HIT))
    for _ in range(MAX_READS + 1):
        with pytest.raises(TooManyRowsError):
            ledger.rows()
    assert len(ledger.day_sums(TODAY).callers) == 2
    ledger.close()


class FailingBackend(SqliteLedger):
    """Backend whose storage fails with `error`, if there is one."""

    error: Exception | None = None

    def flush(self) -> None:
        """Fail, as a send to Redis or a write to the file."""
        if self.error is not None:
            raise self.error


def sqlite_error(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError()
    error.sqlite_errorname = name
    return error


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "outage_seconds", "lasts_after"),
    [
        (sqlite_error("SQLITE_FULL"), 10.0, 0),
        (sqlite_error("SQLITE_CORRUPT"), 10.0, 0),
        (sqlite_error("SQLITE_READONLY"), inf, 0),
        (sqlite_error("SQLITE_BUSY"), 10.0, 10),
        (ConnectionError("TimeoutError"), 10.0, 10),
        (ConnectionError("TimeoutError"), inf, 1_000_000),
    ],
    ids=str,
)
async def test_problem_lasts_at_once_or_after_an_outage(
    error: Exception, outage_seconds: float, lasts_after: int
) -> None:
    seconds, backend = 0, FailingBackend()
    start = datetime.now(UTC)
    ledger = Ledger(backend, now=lambda: start + timedelta(seconds=seconds), outage_seconds=outage_seconds)
    ledger.rows()
    assert await ledger.lasting_problem() == ""
    for began_at in (100, 2_000_000):
        backend.error, seconds = error, began_at
        ledger.rows()
        assert await ledger.problem() != ""
        seconds = began_at + max(0, lasts_after - 1)
        ledger.rows()
        assert (await ledger.lasting_problem() == "") is (lasts_after > 0)
        seconds += 2
        assert (await ledger.lasting_problem() == "") is (lasts_after == 1_000_000)
        backend.error = None
        ledger.rows()
        assert await ledger.lasting_problem() == ""
    ledger.close()


@pytest.mark.anyio
async def test_disk_that_fails_during_an_outage_is_a_lasting_problem() -> None:
    backend = FailingBackend()
    ledger = Ledger(backend)
    for error in (ConnectionError("TimeoutError"), sqlite_error("SQLITE_FULL")):
        assert await ledger.lasting_problem() == ""
        backend.error = error
        ledger.rows()
    assert await ledger.lasting_problem() == "not written: SQLITE_FULL"
    ledger.close()


def test_days_beyond_the_retention_are_deleted(path: Path) -> None:
    days = [(datetime.now(UTC) - timedelta(days=number)).date().isoformat() for number in (40, *range(8))]
    ledger = Ledger(SqliteLedger(path, 30))
    count(ledger, *(row_key(day=day) for day in days))
    ledger.close()
    assert [row.key.day for row in read_rows(path)] == sorted(days)[1:]


def test_schema_has_no_column_for_a_patient(path: Path) -> None:
    ledger = Ledger(SqliteLedger(path))
    count(ledger, row_key())
    ledger.close()
    with closing(sqlite3.connect(path)) as file:
        columns = [column[1] for column in file.execute("PRAGMA table_info(ledger)")]
    assert columns == ["day", "site", "caller", "type", "interaction", "class", "queries", "bytes"]


def test_queries_of_unproved_callers_reduce_no_usage_of_others(path: Path) -> None:
    usages: list[dict[tuple[str, str], tuple[int, int]]] = []
    observed, concurrent = Ledger(SqliteLedger(path)), Ledger(SqliteLedger(path))
    observed.set_usage_listener(lambda usage: usages.append(dict(usage)))
    observed.add(row_key()._replace(caller="unproved"), 10, 5)
    observed.rows()
    concurrent.add(row_key(), 10)
    concurrent.close()
    observed.rows()
    observed.close()
    assert usages[-1] == {(GUID, TODAY): (1, 10)}
