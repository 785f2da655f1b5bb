import csv
import sqlite3
from io import StringIO

import pytest
from support.operators import asked, issue
from support.requests import GUID, NOW

from gateway.admin.ledger import LedgerEndpoints
from gateway.admin.requests import SiteNames
from gateway.ledger.caps import DailyCap, Usage
from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.daily_usage import CapStatus

ROWS = [LedgerRow(LedgerKey("2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.BILLED), 3, 900)]
STANDING = CapStatus(GUID, "harbour", DailyCap(queries=100), Usage(NOW, 80, 900), NOW)


class Ledger:
    """Rows that keep what they are asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def rows(self, site: str, since: str) -> list[LedgerRow]:
        self.asked.append((site, since))
        return ROWS

    @property
    def desk(self) -> LedgerEndpoints:
        return LedgerEndpoints(self.rows, lambda: [STANDING], SiteNames({GUID: "harbour"}), lambda: NOW)


def test_the_ledger_is_json_with_totals_and_dated() -> None:
    response = asked("GET", "/admin/ledger", [Ledger().desk])
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body["asOf"] == NOW.isoformat()
    assert body["totals"]["billed"] == {"queries": 3, "bytes": 900}
    assert body["caps"] == [
        {
            "site": GUID,
            "name": "harbour",
            "queries": {"used": 80, "cap": 100},
            "bytes": {"used": 900, "cap": None},
            "usedShare": 0.8,
            "stopsBatch": False,
            "reachedInHour": NOW.isoformat(),
        }
    ]


@pytest.mark.parametrize(
    ("query", "site", "since"),
    [
        ("", "", ""),
        (f"site={GUID}", GUID, ""),
        (f"site={GUID.upper()}", GUID, ""),
        ("site=harbour&since=2026-07-01", GUID, "2026-07-01"),
    ],
)
def test_the_ledger_can_be_asked_for_a_site_by_either_name_and_from_a_day_on(
    query: str, site: str, since: str
) -> None:
    ledger = Ledger()
    assert asked("GET", f"/admin/ledger?{query}", [ledger.desk]).status_code == 200
    assert ledger.asked == [(site, since)]


def test_another_sites_caps_are_not_shown_with_a_site() -> None:
    assert asked("GET", "/admin/ledger?site=elsewhere", [Ledger().desk]).json()["caps"] == []


def test_the_ledger_as_csv_has_every_row() -> None:
    response = asked("GET", "/admin/ledger?format=csv", [Ledger().desk])
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    _, row = csv.reader(StringIO(response.text))
    assert row == ["2026-07-01", GUID, "harbour", "c0ffee00", "Patient", "read", "billed", "3", "900"]


@pytest.mark.parametrize(
    ("query", "says"),
    [("since=yesterday", "2026-07-01"), ("format=xml", "json or csv"), ("day=1", "site, since and format")],
)
def test_a_wrong_parameter_is_refused_with_what_to_change(query: str, says: str) -> None:
    ledger = Ledger()
    response = asked("GET", f"/admin/ledger?{query}", [ledger.desk])
    assert response.status_code == 400
    assert says in issue(response)["details"]["text"]
    assert ledger.asked == []


@pytest.mark.parametrize("problem", [ConnectionError("TimeoutError"), sqlite3.OperationalError("/path")])
def test_a_ledger_that_cannot_be_read_is_said_to_be_tried_again(problem: Exception) -> None:
    class Away(Ledger):
        def rows(self, site: str, since: str) -> list[LedgerRow]:
            self.asked.append((site, since))
            raise problem

    response = asked("GET", "/admin/ledger", [Away().desk])
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "/readyz" in issue(response)["details"]["text"]
    assert str(problem) not in response.text
