"""Ledger backend in SQLite."""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.ledger import Ledger
from gateway.ledger.sqlite_ledger import NEWER_DAYS, SqliteLedger, open_connection
from gateway.ledger.sqlite_reader import read_rows, read_rows_by_app

TODAY = datetime.now(UTC).date().isoformat()
KEY = LedgerKey(TODAY, GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
BOARD = KEY._replace(app="board")
#: What versions without apps execute: the release before this table.
OLD_SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    day TEXT NOT NULL, site TEXT NOT NULL, caller TEXT NOT NULL, type TEXT NOT NULL,
    interaction TEXT NOT NULL, class TEXT NOT NULL, queries INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (day, site, caller, type, interaction, class)
) STRICT, WITHOUT ROWID;
"""
OLD_UPSERT = """
INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET queries = queries + excluded.queries, bytes = bytes + excluded.bytes
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="another user opens the file, in a process of its own")
def test_read_only_file_is_found_when_it_is_opened() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite3"
        with closing(SqliteLedger(path)) as ledger:
            ledger.add_counts({KEY: (1, 1)})
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        child = os.fork()
        if not child:
            os._exit(open_as_nobody(path))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == sqlite3.SQLITE_READONLY
        Path(folder).chmod(0o755)


def open_as_nobody(path: Path) -> int:
    """Open a file as a user to whom it does not belong; return SQLite's code of the error."""
    try:
        if os.geteuid() == 0:
            os.setuid(65_534)
        open_connection(path, OLD_SCHEMA)
    except sqlite3.Error as error:
        return error.sqlite_errorcode & 0xFF
    return 0


def rows_of(file: SqliteLedger) -> list[LedgerRow]:
    with file.open_reader() as reader:
        return reader.rows()


def parts_of(file: SqliteLedger, site: str = "", since: str = "") -> list[LedgerRow]:
    with file.open_reader() as reader:
        return reader.rows_by_app(site, since)


def test_billable_usage_is_summed_by_site_and_day(path: Path) -> None:
    file = SqliteLedger(path)
    maybe, hit = KEY._replace(cost=CostClass.MAYBE_BILLED), KEY._replace(cost=CostClass.HIT)
    earlier, unproved = KEY._replace(day="2026-07-01"), KEY._replace(caller="unproved")
    file.add_counts({KEY: (1, 10), maybe: (2, 20), hit: (4, 40), earlier: (8, 80), unproved: (16, 160)})
    assert file.billable_usage("2026-07-02") == {(GUID, TODAY): (3, 30)}
    file.close()


def test_billable_usage_is_none_without_writes_of_other_processes(path: Path) -> None:
    first, second = SqliteLedger(path), SqliteLedger(path)
    assert first.billable_usage("") == {}
    first.add_counts({KEY: (1, 10)})
    assert first.billable_usage("") is None
    second.add_counts({KEY: (2, 20)})
    assert first.billable_usage("") == {(GUID, TODAY): (3, 30)}
    assert first.billable_usage("") is None
    first.close()
    second.close()


def test_added_counts_are_persisted_at_once(path: Path) -> None:
    file = SqliteLedger(path)
    file.add_counts({KEY: (1, 10)})
    file.flush()
    assert file.unpersisted_count == 0
    file.close()
    assert rows_of(file) == read_rows(path) == [LedgerRow(KEY, 1, 10)]
    file.close()


def test_file_is_readable_while_the_writer_uses_wal_mode(path: Path) -> None:
    file = SqliteLedger(path)
    file.add_counts({KEY: (1, 10)})
    assert path.with_name("ledger.sqlite3-wal").exists()
    assert read_rows(path) == [LedgerRow(KEY, 1, 10)]
    file.close()


def test_listener_gets_usage_of_earlier_and_concurrent_processes(path: Path) -> None:
    usages: list[dict[tuple[str, str], tuple[int, int]]] = []
    earlier, observed, concurrent = (Ledger(SqliteLedger(path)) for _ in range(3))
    observed.set_usage_listener(lambda usage: usages.append(dict(usage)))
    earlier.add(KEY, 10)
    earlier.close()
    observed.rows()
    observed.add(KEY, 10)
    observed.rows()
    concurrent.add(KEY._replace(cost=CostClass.MAYBE_BILLED), 5)
    concurrent.close()
    observed.rows()
    observed.close()
    assert usages == [{(GUID, TODAY): (1, 10)}, {(GUID, TODAY): (2, 15)}]


def test_other_users_cannot_read_the_files(path: Path) -> None:
    previous = os.umask(0)
    try:
        file = SqliteLedger(path)
        file.add_counts({KEY: (1, 10)})
        modes = {entry.name: entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()}
        file.close()
    finally:
        os.umask(previous)
    assert modes == {path.name: 0o600, f"{path.name}-wal": 0o600, f"{path.name}-shm": 0o600}


def test_rows_by_app_are_parts_of_the_totals(path: Path) -> None:
    file = SqliteLedger(path)
    file.add_counts({KEY: (1, 10), BOARD: (2, 20), KEY._replace(app="other"): (4, 40)})
    file.add_counts({BOARD: (2, 20)})
    assert rows_of(file) == read_rows(path) == [LedgerRow(KEY, 9, 90)]
    expected = [
        LedgerRow(KEY, 1, 10),
        LedgerRow(BOARD, 4, 40),
        LedgerRow(KEY._replace(app="other"), 4, 40),
    ]
    assert parts_of(file) == read_rows_by_app(path) == expected
    assert parts_of(file, "elsewhere") == parts_of(file, since="2999-01-01") == []
    assert file.billable_usage("") == {(GUID, TODAY): (9, 90)}
    assert file.app_usage("") == {("board", TODAY): (4, 40), ("other", TODAY): (4, 40)}
    file.close()


def test_older_version_reads_and_writes_the_same_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(OLD_SCHEMA)
        old.execute(OLD_UPSERT, (*KEY[:6], 1, 10))
    assert read_rows_by_app(path) == [LedgerRow(KEY, 1, 10)]
    new = SqliteLedger(path)
    new.add_counts({BOARD: (2, 20)})
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(OLD_SCHEMA)
        old.execute(OLD_UPSERT, (*KEY[:6], 4, 40))
        assert old.execute("SELECT * FROM ledger").fetchall() == [(*KEY[:6], 7, 70)]
        old.execute(OLD_UPSERT, (*KEY[:6], 1, 10))
    assert parts_of(new) == [LedgerRow(KEY, 6, 60), LedgerRow(BOARD, 2, 20)]
    new.close()


def test_totals_and_parts_are_written_together_or_not_at_all(path: Path) -> None:
    file = SqliteLedger(path)
    file.add_counts({BOARD: (1, 10)})
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DROP TABLE paid_by_app")
    with pytest.raises(sqlite3.Error):
        file.add_counts({BOARD: (1, 10)})
    assert read_rows(path) == [LedgerRow(KEY, 1, 10)]
    assert read_rows_by_app(path) == [LedgerRow(BOARD, 1, 10)]
    file.close()


def days_ago(*numbers: int) -> list[str]:
    return [(datetime.now(UTC).date() - timedelta(days=number)).isoformat() for number in numbers]


def count_days(file: SqliteLedger, days: list[str]) -> list[str]:
    """Count a query a day, one day after the other; return the days that the file then has."""
    for day in days:
        file.add_counts({BOARD._replace(day=day): (1, 10)})
    kept = [row.key.day for row in rows_of(file)]
    assert kept == [row.key.day for row in parts_of(file)] == sorted(day for _, day in file.app_usage(""))
    return kept


def test_old_days_are_deleted_with_their_parts(path: Path) -> None:
    days = days_ago(900, 30, *range(25, 25 - NEWER_DAYS, -1))
    with closing(SqliteLedger(path, retention_days=10)) as file:
        assert count_days(file, days) == days[1:]
        assert count_days(file, days_ago(2, 1, 0)) == [*days[1:], *days_ago(2, 1, 0)]
        assert file.claim("notice")


def test_clock_that_was_ahead_deletes_no_day(path: Path) -> None:
    days, ahead, times = days_ago(*range(60, -1, -1)), days_ago(-900, -901), [datetime.now(UTC)]
    with closing(SqliteLedger(path, now=lambda: times[-1])) as file:
        count_days(file, days)
        times.append(times[0] + timedelta(days=901))
        assert count_days(file, ahead) == [*days, *ahead]
        times.append(times[0])
        assert count_days(file, days[-1:]) == [*days, *ahead]


@pytest.mark.parametrize("days", [[], ["2020-01-01"], days_ago(4_000, 3_000, 2_000, 1, 0)])
def test_nearly_empty_file_keeps_its_days(path: Path, days: list[str]) -> None:
    with closing(SqliteLedger(path)) as file:
        assert count_days(file, days) == days


def test_no_day_is_deleted_before_the_clock_says_so(path: Path) -> None:
    to_come = days_ago(*range(-900, -910, -1))
    with closing(SqliteLedger(path)) as file:
        assert count_days(file, [*days_ago(9, 0), *to_come]) == [*days_ago(9, 0), *to_come]


def test_notice_is_claimed_once_for_all_processes(path: Path) -> None:
    first, second = SqliteLedger(path), SqliteLedger(path)
    assert [first.claim("a"), second.claim("a"), second.claim("b"), first.claim("b")] == [
        True,
        False,
        True,
        False,
    ]
    first.close()
    second.close()


def test_day_is_summed_by_caller_and_by_app(path: Path) -> None:
    file = SqliteLedger(path)
    file.add_counts(
        {BOARD: (2, 20), KEY._replace(site="other"): (1, 10), KEY._replace(day="2026-07-01"): (9, 90)}
    )
    with file.open_reader() as reader:
        sums = reader.day_sums(TODAY)
    assert sums.callers == {(KEY.caller, KEY.cost): (3, 30)}
    assert sums.apps == {("board", KEY.cost): (2, 20)}
    file.close()


def remove(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def replace(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


@pytest.mark.anyio
@pytest.mark.parametrize("change", [remove, move])
async def test_counts_go_to_the_file_at_the_path(path: Path, change: Callable[[Path], None]) -> None:
    usages: list[dict[tuple[str, str], tuple[int, int]]] = []
    ledger = Ledger(SqliteLedger(path))
    ledger.set_usage_listener(lambda usage: usages.append(dict(usage)))
    ledger.add(KEY, 10)
    assert ledger.rows() == [LedgerRow(KEY, 1, 10)]
    change(path)
    ledger.add(KEY, 5)
    with capture_logs() as lines:
        ledger._flush()
    assert lines == [
        {
            "event": "ledger-write-failed",
            "exception": "OperationalError",
            "code": "SQLITE_READONLY_DBMOVED",
            "log_level": "error",
        }
    ]
    assert await ledger.lasting_problem() == "not written: SQLITE_READONLY_DBMOVED"
    ledger._flush()
    assert await ledger.problem() == ""
    ledger.close()
    assert read_rows(path) == [LedgerRow(KEY, 1, 5)]
    assert usages[-1] == {(GUID, TODAY): (0, 0)}


@pytest.mark.parametrize("change", [remove, move, replace])
def test_moved_file_is_noticed_without_counts(path: Path, change: Callable[[Path], None]) -> None:
    file = SqliteLedger(path)
    file.flush()
    change(path)
    with pytest.raises(sqlite3.OperationalError, match="deleted, moved or replaced"):
        file.flush()
    file.release()
    file.flush()
    file.close()
