from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.redis_server import redis_server
from support.requests import GUID

from gateway.cli.ledger import ledger_report
from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.ledger import Ledger
from gateway.ledger.redis_ledger import RedisLedger
from gateway.ledger.sqlite_ledger import SqliteLedger
from gateway.settings import Settings

TODAY = datetime.now(UTC).date()
ELSEWHERE = "0a1b2c3d-0000-4000-8000-00000000000b"


def rows_of(day: date) -> list[LedgerKey]:
    return [
        LedgerKey(day.isoformat(), site, "c0ffee00", "Slot", "search-type", CostClass.BILLED)
        for site in (GUID, ELSEWHERE)
    ]


def kept(path: Path | None, **more: object) -> Settings:
    return Settings.model_validate({"sites": {GUID: {"name": "harbour"}}, "ledger": {"path": path}, **more})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of two sites and two days."""
    found = tmp_path / "ledger.sqlite3"
    ledger = Ledger(SqliteLedger(found))
    for day in (TODAY, TODAY - timedelta(days=1)):
        for each in rows_of(day):
            ledger.add(each, 500)
    ledger.close()
    return found


def lines(path: Path, site: str = "", since: date | None = None) -> int:
    return len(ledger_report(kept(path), site, since, csv=True).splitlines()) - 1


def test_csv_has_every_row_or_those_of_a_site_by_either_name_or_from_a_day_on(path: Path) -> None:
    assert lines(path) == 4
    assert lines(path, "harbour") == lines(path, GUID.upper()) == 2
    assert lines(path, since=TODAY) == 2
    assert lines(path, GUID, TODAY) == 1
    assert lines(path, "elsewhere") == 0


def test_the_table_names_sites_as_the_configuration_does(path: Path) -> None:
    table = ledger_report(kept(path))
    assert "harbour" in table
    assert ELSEWHERE in table
    assert table.splitlines()[-1].split()[:2] == ["total", "4"]


def test_a_file_that_is_no_ledger_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read as a ledger"):
        ledger_report(kept(tmp_path / "absent.sqlite3"))


def test_where_nothing_is_kept_the_setting_is_named() -> None:
    with pytest.raises(ValueError, match=r"set ledger\.path"):
        ledger_report(kept(None))


def test_replicas_with_a_redis_have_one_ledger_there() -> None:
    with redis_server() as redis:
        settings = kept(None, cache={"redis": {"url": redis.url}, "keys": ["synthetic"]})
        ledger = Ledger(RedisLedger(redis.url))
        for each in rows_of(TODAY):
            ledger.add(each, 500)
        ledger.close()
        assert len(ledger_report(settings, "harbour", csv=True).splitlines()) == 2
        redis.stop()
        with pytest.raises(ValueError, match=r"cache\.redis\.url does not answer: ConnectionError"):
            ledger_report(settings)
