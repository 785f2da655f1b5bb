import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.ledger import Ledger
from gateway.ledger.sqlite_ledger import SqliteLedger, read_rows

TODAY = datetime.now(UTC).date().isoformat()
OTHER_SITE = "0a1b2c3d-0000-4000-8000-00000000000b"


def line(cost: CostClass = CostClass.BILLED, day: str = TODAY, site: str = GUID) -> LedgerKey:
    return LedgerKey(day, site, "c0ffee00", "Patient", "read", cost)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger(SqliteLedger(path), flush_interval=0.05)
    opened.open()
    yield opened
    opened.close()


def counted(ledger: Ledger, *lines: LedgerKey, octets: int = 10) -> None:
    for each in lines:
        ledger.add(each, octets)


def test_equal_lines_are_one_row(ledger: Ledger) -> None:
    counted(ledger, line(), line(), line(CostClass.HIT))
    assert ledger.rows() == [LedgerRow(line(CostClass.HIT), 1, 10), LedgerRow(line(), 2, 20)]


def test_rows_are_chosen_by_site_and_day(ledger: Ledger) -> None:
    counted(ledger, line(day="2026-07-01"), line(day="2026-07-02"), line(day="2026-07-02", site=OTHER_SITE))
    assert [each.key.day for each in ledger.rows(GUID)] == ["2026-07-01", "2026-07-02"]
    assert [each.key.site for each in ledger.rows(since="2026-07-02")] == [GUID, OTHER_SITE]
    assert ledger.rows(GUID, "2026-07-03") == []


def test_the_file_follows_while_the_gateway_runs(path: Path) -> None:
    ledger = Ledger(SqliteLedger(path))
    ledger.open()
    counted(ledger, line())
    until = time.monotonic() + 20
    while not (path.exists() and _readable(path)) and time.monotonic() < until:
        time.sleep(0.02)
    found = read_rows(path)
    ledger.close()
    assert found == [LedgerRow(line(), 1, 10)]


def _readable(path: Path) -> bool:
    try:
        return bool(read_rows(path))
    except sqlite3.Error:
        return False


def test_close_writes_what_no_thread_has_written_yet(path: Path) -> None:
    ledger = Ledger(SqliteLedger(path), flush_interval=60)
    ledger.open()
    counted(ledger, line(), line())
    ledger.close()
    assert read_rows(path) == [LedgerRow(line(), 2, 20)]


def test_a_ledger_goes_on_where_it_ended(path: Path) -> None:
    for _ in range(3):
        ledger = Ledger(SqliteLedger(path))
        counted(ledger, line())
        ledger.close()
    assert read_rows(path) == [LedgerRow(line(), 3, 30)]


def test_two_processes_may_share_a_file(path: Path) -> None:
    one, other = Ledger(SqliteLedger(path)), Ledger(SqliteLedger(path))
    counted(one, line())
    counted(other, line())
    assert {tuple(one.rows()), tuple(other.rows())} <= {
        (LedgerRow(line(), 1, 10),),
        (LedgerRow(line(), 2, 20),),
    }
    one.close()
    other.close()
    assert read_rows(path) == [LedgerRow(line(), 2, 20)]


def test_threads_lose_no_count(ledger: Ledger) -> None:
    threads = [threading.Thread(target=counted, args=(ledger, *[line()] * 2_000)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert ledger.rows() == [LedgerRow(line(), 8_000, 80_000)]


def test_without_a_path_counts_live_as_long_as_the_process() -> None:
    ledger = Ledger(SqliteLedger())
    counted(ledger, line(), line())
    assert ledger.rows() == [LedgerRow(line(), 2, 20)]
    ledger.close()


def test_a_file_that_cannot_be_written_delays_the_ledger_and_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    ledger = Ledger(SqliteLedger(folder / "ledger.sqlite3"), flush_interval=0.02)
    with capture_logs() as lines:
        ledger.open()
        counted(ledger, line())
        _until(lambda: asyncio.run(ledger.problem()) != "")
        counted(ledger, line())
        time.sleep(0.1)
        assert asyncio.run(ledger.problem()) == "not written: SQLITE_CANTOPEN"
        folder.mkdir()
        _until(lambda: asyncio.run(ledger.problem()) == "")
    assert [each["event"] for each in lines] == ["ledger-write-failed"]
    assert ledger.rows() == [LedgerRow(line(), 2, 20)]
    ledger.close()


def _until(held: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not held():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_file_that_is_no_database_is_said_and_left_alone(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)
    ledger = Ledger(SqliteLedger(path))
    counted(ledger, line(), line())
    with capture_logs() as lines:
        ledger.close()
    assert asyncio.run(ledger.problem()) == "not written: SQLITE_NOTADB"
    assert lines[-1] == {"event": "ledger-lost", "queries": 2, "log_level": "error"}
    assert path.read_bytes().startswith(b"not a database")


def test_days_long_past_are_forgotten(path: Path) -> None:
    old = (datetime.now(UTC) - timedelta(days=31)).date().isoformat()
    ledger = Ledger(SqliteLedger(path, 30))
    counted(ledger, line(day=old), line())
    ledger.close()
    assert [each.key.day for each in read_rows(path)] == [TODAY]


def test_the_schema_has_no_room_for_a_patient(path: Path) -> None:
    ledger = Ledger(SqliteLedger(path))
    counted(ledger, line())
    ledger.close()
    with closing(sqlite3.connect(path)) as file:
        columns = [each[1] for each in file.execute("PRAGMA table_info(ledger)")]
    assert columns == ["day", "site", "caller", "type", "interaction", "class", "queries", "bytes"]
