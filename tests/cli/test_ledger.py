"""`halo-gateway ledger`."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.redis_server import redis_server
from support.requests import GUID
from support.secrets import SECRET

from gateway.cli.ledger import ReportForm, ledger_report
from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.ledger import Ledger
from gateway.ledger.redis_ledger import RedisLedger
from gateway.ledger.sqlite_ledger import SqliteLedger
from gateway.settings import Settings

TODAY = datetime.now(UTC).date()
OTHER_GUID = "0a1b2c3d-0000-4000-8000-00000000000b"


def keys_of(day: date) -> list[LedgerKey]:
    return [
        LedgerKey(day.isoformat(), site, "c0ffee00", "Slot", "search-type", CostClass.BILLED)
        for site in (GUID, OTHER_GUID)
    ]


def ledger_settings(path: Path | None, **sections: object) -> Settings:
    return Settings.model_validate(
        {"sites": {GUID: {"name": "harbour"}}, "ledger": {"path": path}, **sections}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """File of a ledger of two sites and two days."""
    file = tmp_path / "ledger.sqlite3"
    ledger = Ledger(SqliteLedger(file))
    for day in (TODAY, TODAY - timedelta(days=1)):
        for key in keys_of(day):
            ledger.add(key, 500)
    ledger.close()
    return file


def row_count(path: Path, site: str = "", since: date | None = None) -> int:
    return len(ledger_report(ledger_settings(path), site, since, ReportForm(csv=True)).splitlines()) - 1


def test_csv_has_rows_of_site_and_period(path: Path) -> None:
    assert row_count(path) == 4
    assert row_count(path, "harbour") == row_count(path, GUID.upper()) == 2
    assert row_count(path, since=TODAY) == 2
    assert row_count(path, GUID, TODAY) == 1


def test_table_shows_alias_or_guid_of_sites(path: Path) -> None:
    table = ledger_report(ledger_settings(path))
    assert "harbour" in table
    assert OTHER_GUID in table
    assert table.splitlines()[-1].split()[:2] == ["total", "4"]


def test_unreadable_ledger_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read as a ledger"):
        ledger_report(ledger_settings(tmp_path / "absent.sqlite3"))


def test_error_without_ledger_names_the_setting() -> None:
    with pytest.raises(ValueError, match=r"set ledger\.path"):
        ledger_report(ledger_settings(None))


def test_report_reads_ledger_in_redis() -> None:
    with redis_server() as redis:
        settings = ledger_settings(None, cache={"redis": {"url": redis.url, "timeout": 10}, "keys": [SECRET]})
        ledger = Ledger(RedisLedger(redis.url))
        for key in keys_of(TODAY):
            ledger.add(key, 500)
        ledger.close()
        assert len(ledger_report(settings, "harbour", form=ReportForm(csv=True)).splitlines()) == 2
        redis.stop()
        with pytest.raises(ValueError, match=r"cache\.redis\.url is unavailable: ConnectionError"):
            ledger_report(settings)


def test_report_by_app_is_a_table_or_csv(path: Path) -> None:
    ledger = Ledger(SqliteLedger(path))
    ledger.add(keys_of(TODAY)[0]._replace(app="board"), 500)
    ledger.close()
    settings = ledger_settings(path)
    settings = settings.model_copy(
        update={"ledger": settings.ledger.model_copy(update={"price_per_query": 0.1})}
    )
    table = ledger_report(settings, form=ReportForm(by_app=True))
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [
        ["-", "4"],
        ["board", "1"],
        ["total", "5"],
    ]
    rows = ledger_report(settings, "harbour", TODAY, ReportForm(csv=True, by_app=True)).splitlines()
    assert rows[1:] == [
        f"{TODAY},,{GUID},harbour,1,0,500,0.10,AUD",
        f"{TODAY},board,{GUID},harbour,1,0,500,0.10,AUD",
    ]
    months = ledger_report(settings, form=ReportForm(csv=True, by_app=True, period="month"))
    assert months.splitlines()[1].startswith(f"{TODAY - timedelta(days=1):%Y-%m},")


def test_report_by_app_reads_ledger_in_redis() -> None:
    with redis_server() as redis:
        settings = ledger_settings(None, cache={"redis": {"url": redis.url, "timeout": 10}, "keys": [SECRET]})
        ledger = Ledger(RedisLedger(redis.url))
        ledger.add(keys_of(TODAY)[0]._replace(app="board"), 500)
        ledger.close()
        assert "board" in ledger_report(settings, form=ReportForm(by_app=True))


def test_site_that_nobody_knows_is_an_error(path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"elsewhere is neither a Halo GUID nor the alias.* Aliases: harbour\."
    ):
        row_count(path, "elsewhere")
    unknown = GUID.replace("0", "f")
    with pytest.raises(ValueError, match="The configuration does not name this practice"):
        row_count(path, unknown)
    assert row_count(path, GUID, TODAY + timedelta(days=9)) == 0


UPSTREAMS = {
    "mnt": {"url": "https://second.example", "dialect": "halo-connect", "path": "/mnt"},
    "lab": {"url": "https://lab.example", "dialect": "fhir", "path": "/lab"},
}


def test_site_may_be_named_at_its_upstream(path: Path) -> None:
    settings, form = ledger_settings(path, upstreams=UPSTREAMS), ReportForm(csv=True)
    for site, rows in (("mnt/harbour", 2), (f"mnt/{GUID}", 2), ("lab", 0)):
        assert len(ledger_report(settings, site, form=form).splitlines()) == rows + 1
    with pytest.raises(ValueError, match="mnt is an upstream of many practices"):
        ledger_report(settings, "mnt")
