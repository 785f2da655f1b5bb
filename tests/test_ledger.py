from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from exchanges import GUID

from gateway.core.cost import Cost, Line
from gateway.ledger import report
from gateway.stores.ledger import Ledger

TODAY = datetime.now(UTC).date()
ELSEWHERE = "0a1b2c3d-0000-4000-8000-00000000000b"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of two sites and two days."""
    found = tmp_path / "ledger.sqlite3"
    ledger = Ledger(found)
    for day in (TODAY, TODAY - timedelta(days=1)):
        for site in (GUID, ELSEWHERE):
            ledger.add(Line(day.isoformat(), site, "c0ffee00", "Slot", "search-type", Cost.BILLED), 500)
    ledger.close()
    return found


def lines(path: Path, site: str = "", since: date | None = None) -> int:
    return len(report(path, site, since, csv=True, names={GUID: "harbour"}).splitlines()) - 1


def test_csv_has_every_row_or_those_of_a_site_by_either_name_or_from_a_day_on(path: Path) -> None:
    assert lines(path) == 4
    assert lines(path, "harbour") == lines(path, GUID.upper()) == 2
    assert lines(path, since=TODAY) == 2
    assert lines(path, GUID, TODAY) == 1
    assert lines(path, "elsewhere") == 0


def test_the_table_names_sites_as_the_configuration_does(path: Path) -> None:
    table = report(path, names={GUID: "harbour"})
    assert "harbour" in table
    assert ELSEWHERE in table
    assert table.splitlines()[-1].split()[:2] == ["total", "4"]


def test_a_file_that_is_no_ledger_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read as a ledger"):
        report(tmp_path / "absent.sqlite3")
