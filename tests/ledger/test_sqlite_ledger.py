"""Ledger backend in SQLite."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.ledger import Ledger
from gateway.ledger.sqlite_ledger import SqliteLedger, read_rows

TODAY = datetime.now(UTC).date().isoformat()
KEY = LedgerKey(TODAY, GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


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
    assert file.rows() == read_rows(path) == [LedgerRow(KEY, 1, 10)]
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
