from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.ledger import Ledger
from gateway.ledger.sqlite_ledger import SqliteLedger, read_rows

TODAY = datetime.now(UTC).date().isoformat()
LINE = LedgerKey(TODAY, GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def test_what_is_paid_is_added_up_by_site_and_day(path: Path) -> None:
    file = SqliteLedger(path)
    maybe, hit = LINE._replace(cost=CostClass.MAYBE_BILLED), LINE._replace(cost=CostClass.HIT)
    earlier = LINE._replace(day="2026-07-01")
    file.add_counts({LINE: (1, 10), maybe: (2, 20), hit: (4, 40), earlier: (8, 80)})
    assert file.billable_usage("2026-07-02") == {(GUID, TODAY): (3, 30)}
    file.close()


def test_only_what_other_processes_write_is_news(path: Path) -> None:
    one, other = SqliteLedger(path), SqliteLedger(path)
    assert one.billable_usage("") == {}
    one.add_counts({LINE: (1, 10)})
    assert one.billable_usage("") is None
    other.add_counts({LINE: (2, 20)})
    assert one.billable_usage("") == {(GUID, TODAY): (3, 30)}
    assert one.billable_usage("") is None
    one.close()
    other.close()


def test_what_is_kept_is_never_unsafe_and_needs_no_delivery(path: Path) -> None:
    file = SqliteLedger(path)
    file.add_counts({LINE: (1, 10)})
    file.flush()
    assert file.unpersisted_count == 0
    file.close()
    assert file.rows() == read_rows(path) == [LedgerRow(LINE, 1, 10)]
    file.close()


def test_the_log_is_ahead_of_the_file_so_that_readers_hinder_no_writer(path: Path) -> None:
    file = SqliteLedger(path)
    file.add_counts({LINE: (1, 10)})
    assert path.with_name("ledger.sqlite3-wal").exists()
    assert read_rows(path) == [LedgerRow(LINE, 1, 10)]
    file.close()


def test_a_cap_is_that_of_all_processes_of_a_machine_and_of_those_before_them(path: Path) -> None:
    told: list[dict[tuple[str, str], tuple[int, int]]] = []
    before, one, other = (Ledger(SqliteLedger(path)) for _ in range(3))
    one.set_usage_listener(lambda paid: told.append(dict(paid)))
    before.add(LINE, 10)
    before.close()
    one.rows()
    one.add(LINE, 10)
    one.rows()
    other.add(LINE._replace(cost=CostClass.MAYBE_BILLED), 5)
    other.close()
    one.rows()
    one.close()
    assert told == [{(GUID, TODAY): (1, 10)}, {(GUID, TODAY): (2, 15)}]
