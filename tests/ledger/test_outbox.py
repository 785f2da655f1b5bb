import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.outbox import Outbox

LINE = LedgerKey("2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def numbered(number: int) -> LedgerKey:
    return LINE._replace(caller=f"{number:08x}")


def test_a_batch_stays_the_same_until_it_is_sent_and_new_lines_wait_for_the_next(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put({LINE: (1, 10)})
    first = outbox.next_batch()
    outbox.put({LINE: (2, 20)})
    outbox.put({LINE: (4, 40)})
    assert first is not None
    assert outbox.next_batch() == first
    assert sorted(outbox.rows()) == [LedgerRow(LINE, 1, 10), LedgerRow(LINE, 6, 60)]
    outbox.delete_batch(first.number)
    second = outbox.next_batch()
    assert second is not None
    assert (second.sender, second.number, second.rows) == (
        first.sender,
        first.number + 1,
        [LedgerRow(LINE, 6, 60)],
    )
    outbox.delete_batch(second.number)
    assert outbox.next_batch() is None
    outbox.close()


def test_a_restart_goes_on_with_the_same_batch_under_the_same_name(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put({LINE: (1, 10)})
    before = outbox.next_batch()
    outbox.close()
    again = Outbox(path)
    assert again.next_batch() == before
    again.close()


def test_numbers_rise_though_nothing_waits_any_more(path: Path) -> None:
    numbers = []
    for _ in range(3):
        outbox = Outbox(path)
        outbox.put({LINE: (1, 10)})
        batch = outbox.next_batch()
        assert batch is not None
        numbers.append(batch.number)
        outbox.delete_batch(batch.number)
        outbox.close()
    assert numbers == [1, 2, 3]


def test_processes_that_share_a_file_send_the_same_batch(path: Path) -> None:
    one, other = Outbox(path), Outbox(path)
    one.put({LINE: (1, 10)})
    other.put({LINE: (2, 20)})
    first = one.next_batch()
    assert first is not None
    assert other.next_batch() == first
    assert first.rows == [LedgerRow(LINE, 3, 30)]
    one.delete_batch(first.number)
    assert other.next_batch() is None
    one.close()
    other.close()


def test_many_lines_leave_in_several_batches() -> None:
    outbox = Outbox()
    outbox.put({numbered(each): (1, 1) for each in range(1_200)})
    sizes = []
    while batch := outbox.next_batch():
        sizes.append(len(batch.rows))
        outbox.delete_batch(batch.number)
    assert sizes == [500, 500, 200]
    outbox.close()


def test_only_what_waits_in_memory_is_unsafe_and_it_outlives_a_release(path: Path) -> None:
    memory, file = Outbox(), Outbox(path)
    for each in (memory, file):
        each.put({LINE: (3, 30)})
        each.release()
        assert each.rows() == [LedgerRow(LINE, 3, 30)]
    assert (memory.unpersisted_count, file.unpersisted_count) == (3, 0)
    for each in (memory, file):
        each.close()


def test_a_close_forgets_what_waits_in_memory(path: Path) -> None:
    memory, file = Outbox(), Outbox(path)
    for each in (memory, file):
        each.put({LINE: (3, 30)})
        each.close()
    assert (memory.rows(), file.rows()) == ([], [LedgerRow(LINE, 3, 30)])
    for each in (memory, file):
        each.close()


def test_waiting_lines_are_found_by_site_and_day_and_by_what_was_paid() -> None:
    outbox = Outbox()
    later, hit = LINE._replace(day="2026-07-02"), LINE._replace(cost=CostClass.HIT)
    outbox.put({LINE: (1, 1), later: (2, 2), hit: (4, 4), LINE._replace(site="other"): (8, 8)})
    assert [row.queries for row in outbox.rows(GUID, "2026-07-02")] == [2]
    assert sum(row.queries for row in outbox.billable_rows("")) == 11
    outbox.close()


def test_the_schema_has_no_room_for_a_patient(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put({LINE: (1, 10)})
    outbox.close()
    with closing(sqlite3.connect(path)) as file:
        columns = [each[1] for each in file.execute("PRAGMA table_info(waiting)")]
    assert columns == ["day", "site", "caller", "type", "interaction", "class", "queries", "bytes", "batch"]
