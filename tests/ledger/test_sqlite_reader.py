"""Reads of a ledger's file beside its writer."""

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event, Timer

import pytest
from support.endless_reads import make_reads_endless
from support.requests import GUID
from support.stopwatch import Stopwatch

from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.reader import ReadLimits, TooManyRowsError
from gateway.ledger.sqlite_ledger import SqliteLedger
from gateway.ledger.sqlite_reader import SqliteReader, connect_read_only, read_rows

TODAY = "2999-07-02"
KEY = LedgerKey(TODAY, GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
BOARD = KEY._replace(app="board")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def test_rows_are_limited_for_each_report(path: Path) -> None:
    file = SqliteLedger(path)
    file.add_counts({BOARD: (2, 20), BOARD._replace(app="other"): (1, 10), KEY._replace(type="x"): (1, 10)})
    with file.open_reader(ReadLimits(2)) as reader:
        assert len(reader.rows()) == 2
        assert len(reader.rows_by_app()) == 3
    with file.open_reader(ReadLimits(1)) as reader:
        with pytest.raises(TooManyRowsError):
            reader.rows()
        with pytest.raises(TooManyRowsError):
            reader.rows_by_app()
        assert reader.rows("elsewhere") == reader.rows(since="2999-07-03") == []
    file.close()


def test_totals_may_be_few_while_their_parts_are_too_many(path: Path) -> None:
    file = SqliteLedger(path)
    file.add_counts({BOARD: (2, 20), BOARD._replace(app="other"): (1, 10)})
    with file.open_reader(ReadLimits(1)) as reader:
        assert len(reader.rows()) == 1
        with pytest.raises(TooManyRowsError):
            reader.rows_by_app()
    file.close()


def test_open_reader_sees_what_is_written_later(path: Path) -> None:
    file = SqliteLedger(path)
    with file.open_reader() as reader:
        assert reader.rows() == []
        file.add_counts({KEY: (1, 10)})
        assert [row.queries for row in reader.rows()] == [1]
    file.close()


def test_reader_of_counts_in_memory_has_a_copy() -> None:
    memory = SqliteLedger()
    memory.add_counts({KEY: (1, 10)})
    with memory.open_reader() as reader:
        memory.add_counts({KEY: (1, 10)})
        assert [row.queries for row in reader.rows()] == [1]
    memory.close()


def test_reader_cannot_write(path: Path) -> None:
    with closing(SqliteLedger(path)) as ledger:
        ledger.flush()
    with closing(connect_read_only(path)) as file, pytest.raises(sqlite3.OperationalError, match="readonly"):
        file.execute("DELETE FROM ledger")


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_end_interrupts_a_read(path: Path, seconds: float) -> None:
    make_reads_endless(path)
    ended = Event()
    if not seconds:
        ended.set()  # between the opening of the reader and its query
    ending = Timer(seconds, ended.set)
    ending.start()
    with Stopwatch() as wait, closing(connect_read_only(path)) as file:
        reader = SqliteReader(file, ReadLimits(has_ended=ended.is_set))
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            reader.rows()
    assert wait.seconds < seconds + 1
    ending.join()


def test_missing_file_is_not_created(path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        read_rows(path)
    assert not path.exists()
