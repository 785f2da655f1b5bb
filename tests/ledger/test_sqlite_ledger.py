from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.requests import GUID

from gateway.ledger.cost import Cost, Line, Row
from gateway.ledger.ledger import Ledger
from gateway.ledger.sqlite_ledger import LedgerFile, read

TODAY = datetime.now(UTC).date().isoformat()
LINE = Line(TODAY, GUID, "c0ffee00", "Patient", "read", Cost.BILLED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def test_what_is_paid_is_added_up_by_site_and_day(path: Path) -> None:
    file = LedgerFile(path)
    maybe, hit = LINE._replace(cost=Cost.MAYBE_BILLED), LINE._replace(cost=Cost.HIT)
    earlier = LINE._replace(day="2026-07-01")
    file.keep({LINE: (1, 10), maybe: (2, 20), hit: (4, 40), earlier: (8, 80)})
    assert file.paid("2026-07-02") == {(GUID, TODAY): (3, 30)}
    file.close()


def test_only_what_other_processes_write_is_news(path: Path) -> None:
    one, other = LedgerFile(path), LedgerFile(path)
    assert one.paid("") == {}
    one.keep({LINE: (1, 10)})
    assert one.paid("") is None
    other.keep({LINE: (2, 20)})
    assert one.paid("") == {(GUID, TODAY): (3, 30)}
    assert one.paid("") is None
    one.close()
    other.close()


def test_what_is_kept_is_never_unsafe_and_needs_no_delivery(path: Path) -> None:
    file = LedgerFile(path)
    file.keep({LINE: (1, 10)})
    file.deliver()
    assert file.unsafe == 0
    file.close()
    assert file.rows() == read(path) == [Row(LINE, 1, 10)]
    file.close()


def test_the_log_is_ahead_of_the_file_so_that_readers_hinder_no_writer(path: Path) -> None:
    file = LedgerFile(path)
    file.keep({LINE: (1, 10)})
    assert path.with_name("ledger.sqlite3-wal").exists()
    assert read(path) == [Row(LINE, 1, 10)]
    file.close()


def test_a_cap_is_that_of_all_processes_of_a_machine_and_of_those_before_them(path: Path) -> None:
    told: list[dict[tuple[str, str], tuple[int, int]]] = []
    before, one, other = (Ledger(LedgerFile(path)) for _ in range(3))
    one.watch(lambda paid: told.append(dict(paid)))
    before.add(LINE, 10)
    before.close()
    one.rows()
    one.add(LINE, 10)
    one.rows()
    other.add(LINE._replace(cost=Cost.MAYBE_BILLED), 5)
    other.close()
    one.rows()
    one.close()
    assert told == [{(GUID, TODAY): (1, 10)}, {(GUID, TODAY): (2, 15)}]
