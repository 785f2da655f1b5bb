"""Outbox of rows for Redis."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.outbox import Outbox

KEY = LedgerKey("2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def key_of_caller(number: int) -> LedgerKey:
    return KEY._replace(caller=f"{number:08x}")


def test_batch_is_unchanged_until_it_is_deleted(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put({KEY: (1, 10)})
    first = outbox.next_batch()
    outbox.put({KEY: (2, 20)})
    outbox.put({KEY: (4, 40)})
    assert first is not None
    assert outbox.next_batch() == first
    assert sorted(outbox.rows()) == [LedgerRow(KEY, 1, 10), LedgerRow(KEY, 6, 60)]
    outbox.delete_batch(first.number)
    second = outbox.next_batch()
    assert second is not None
    assert (second.sender, second.number, second.rows) == (
        first.sender,
        first.number + 1,
        [LedgerRow(KEY, 6, 60)],
    )
    outbox.delete_batch(second.number)
    assert outbox.next_batch() is None
    outbox.close()


def test_restart_continues_with_the_same_batch_and_sender(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put({KEY: (1, 10)})
    before = outbox.next_batch()
    outbox.close()
    reopened = Outbox(path)
    assert reopened.next_batch() == before
    reopened.close()


def test_batch_numbers_rise_after_an_empty_outbox(path: Path) -> None:
    numbers = []
    for _ in range(3):
        outbox = Outbox(path)
        outbox.put({KEY: (1, 10)})
        batch = outbox.next_batch()
        assert batch is not None
        numbers.append(batch.number)
        outbox.delete_batch(batch.number)
        outbox.close()
    assert numbers == [1, 2, 3]


def test_processes_that_share_a_file_send_the_same_batch(path: Path) -> None:
    first, second = Outbox(path), Outbox(path)
    first.put({KEY: (1, 10)})
    second.put({KEY: (2, 20)})
    batch = first.next_batch()
    assert batch is not None
    assert second.next_batch() == batch
    assert batch.rows == [LedgerRow(KEY, 3, 30)]
    first.delete_batch(batch.number)
    assert second.next_batch() is None
    first.close()
    second.close()


def test_many_rows_are_sent_in_several_batches() -> None:
    outbox = Outbox()
    outbox.put({key_of_caller(number): (1, 1) for number in range(1_200)})
    sizes = []
    while batch := outbox.next_batch():
        sizes.append(len(batch.rows))
        outbox.delete_batch(batch.number)
    assert sizes == [500, 500, 200]
    outbox.close()


def test_released_outbox_keeps_rows_in_memory_as_unpersisted(path: Path) -> None:
    memory, file = Outbox(), Outbox(path)
    for outbox in (memory, file):
        outbox.put({KEY: (3, 30)})
        outbox.release()
        assert outbox.rows() == [LedgerRow(KEY, 3, 30)]
    assert (memory.unpersisted_count, file.unpersisted_count) == (3, 0)
    for outbox in (memory, file):
        outbox.close()


def test_closed_outbox_drops_rows_in_memory(path: Path) -> None:
    memory, file = Outbox(), Outbox(path)
    for outbox in (memory, file):
        outbox.put({KEY: (3, 30)})
        outbox.close()
    assert (memory.rows(), file.rows()) == ([], [LedgerRow(KEY, 3, 30)])
    for outbox in (memory, file):
        outbox.close()


def test_waiting_rows_are_selected_by_site_day_and_class() -> None:
    outbox = Outbox()
    later, hit = KEY._replace(day="2026-07-02"), KEY._replace(cost=CostClass.HIT)
    outbox.put({KEY: (1, 1), later: (2, 2), hit: (4, 4), KEY._replace(site="other"): (8, 8)})
    assert [row.queries for row in outbox.rows(GUID, "2026-07-02")] == [2]
    assert sum(row.queries for row in outbox.billable_rows("")) == 11
    outbox.close()


def test_schema_has_no_column_for_a_patient(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put({KEY: (1, 10)})
    outbox.close()
    with closing(sqlite3.connect(path)) as file:
        columns = [column[1] for column in file.execute("PRAGMA table_info(waiting)")]
    assert columns == ["day", "site", "caller", "type", "interaction", "class", "queries", "bytes", "batch"]


BOARD = KEY._replace(app="board")


def test_parts_of_apps_are_sent_with_their_total() -> None:
    outbox = Outbox()
    outbox.put({KEY: (1, 10), BOARD: (2, 20)})
    batch = outbox.next_batch()
    assert batch is not None
    assert (batch.rows, batch.parts) == ([LedgerRow(KEY, 3, 30)], [LedgerRow(BOARD, 2, 20)])
    assert outbox.app_rows() == [LedgerRow(BOARD, 2, 20)]
    assert outbox.unpersisted_count == 3
    outbox.delete_batch(batch.number)
    assert outbox.next_batch() is None
    assert outbox.rows() == outbox.app_rows() == []
    outbox.close()


def test_no_part_is_sent_before_its_total() -> None:
    outbox = Outbox()
    outbox.put(dict.fromkeys(map(key_of_caller, range(600)), (1, 10)))
    last_callers = map(key_of_caller, range(300, 600))
    keys = [key._replace(app=app) for key in last_callers for app in ("board", "other")]
    outbox.put(dict.fromkeys(keys, (1, 10)))
    totals: dict[LedgerKey, int] = {}
    parts: dict[LedgerKey, int] = {}
    while batch := outbox.next_batch():
        assert len(batch.rows) <= 500
        assert len(batch.parts) <= 500
        totals.update({row.key: row.queries for row in batch.rows})
        parts.update({row.key: row.queries for row in batch.parts})
        assert {key.total for key in parts} <= set(totals)
        outbox.delete_batch(batch.number)
    assert set(parts) == set(keys)
    assert (sum(parts.values()), sum(totals.values())) == (len(keys), 600 + len(keys))
    outbox.close()


def test_older_version_sends_the_totals(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put({BOARD: (2, 20)})
    batch = outbox.next_batch()
    outbox.close()
    assert batch is not None
    with closing(sqlite3.connect(path)) as old, old:
        assert old.execute("SELECT max(batch) FROM waiting").fetchone() == (batch.number,)
        old.execute("DELETE FROM waiting WHERE batch = ?", (batch.number,))
        old.execute("UPDATE sender SET batch = ?", (batch.number + 1,))
    newer = Outbox(path)
    newer.put({KEY: (1, 10)})
    left = newer.next_batch()
    assert left is not None
    assert (left.number, left.rows, left.parts) == (batch.number, [], batch.parts)
    newer.delete_batch(left.number)
    following = newer.next_batch()
    assert following is not None
    assert (following.number, following.rows, following.parts) == (
        batch.number + 2,
        [LedgerRow(KEY, 1, 10)],
        [],
    )
    newer.close()


def test_replaced_file_takes_no_more_rows(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put({KEY: (1, 10)})
    path.unlink()
    with pytest.raises(sqlite3.OperationalError, match="deleted, moved or replaced"):
        outbox.put({KEY: (2, 20)})
    outbox.release()
    outbox.put({KEY: (2, 20)})
    assert outbox.rows() == [LedgerRow(KEY, 2, 20)]
    outbox.close()
