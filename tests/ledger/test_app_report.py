"""Reports by app."""

from decimal import Decimal

from support.requests import GUID, NOW

from gateway.ledger.app_report import apps_as_json, apps_as_table, charge_back_csv
from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.prices import NO_PRICES, Prices
from gateway.ledger.report import as_json

PRICES = Prices(Decimal("0.015"), Decimal("0.5"), "AUD")


def row(app: str, cost: CostClass, queries: int, octets: int, day: str = "2026-07-01") -> LedgerRow:
    return LedgerRow(LedgerKey(day, GUID, "c0ffee00", "Slot", "search-type", cost, app), queries, octets)


ROWS = [
    row("", CostClass.BILLED, 1, 10),
    row("board", CostClass.BILLED, 2, 1_000_000),
    row("board", CostClass.MAYBE_BILLED, 1, 0),
    row("board", CostClass.HIT, 9, 900),
    row("board", CostClass.BILLED, 4, 0, "2026-07-02"),
    row("other", CostClass.HIT, 5, 50),
]


def test_json_has_totals_savings_and_costs_of_each_app() -> None:
    report = apps_as_json(ROWS, PRICES, NOW)
    assert [(app["app"], app["savedShare"], app["cost"]) for app in report["apps"]] == [
        ("", 0.0, "0.02"),
        ("board", 0.5625, "0.61"),
        ("other", 1.0, "0.00"),
    ]
    assert report["apps"][1]["totals"]["billed"] == {"queries": 6, "bytes": 1_000_000}
    assert (report["cost"], report["currency"]) == ("0.62", "AUD")


def test_sums_by_app_are_the_totals() -> None:
    report, whole = apps_as_json(ROWS, PRICES, NOW), as_json(ROWS, {}, NOW)
    assert (report["totals"], report["savedShare"]) == (whole["totals"], whole["savedShare"])
    for cost in CostClass:
        for amount in ("queries", "bytes"):
            parts = [app["totals"][cost][amount] for app in report["apps"]]
            assert sum(parts) == report["totals"][cost][amount]


def test_csv_has_a_row_per_day_app_and_site() -> None:
    assert charge_back_csv(ROWS, {GUID: "harbour"}, PRICES).splitlines() == [
        "period,app,site,name,billed,maybe-billed,bytes,cost,currency",
        f"2026-07-01,,{GUID},harbour,1,0,10,0.02,AUD",
        f"2026-07-01,board,{GUID},harbour,2,1,1000000,0.55,AUD",
        f"2026-07-02,board,{GUID},harbour,4,0,0,0.06,AUD",
    ]


def test_csv_may_have_a_row_per_month() -> None:
    assert charge_back_csv(ROWS, {}, PRICES, "month").splitlines()[1:] == [
        f"2026-07,,{GUID},,1,0,10,0.02,AUD",
        f"2026-07,board,{GUID},,6,1,1000000,0.61,AUD",
    ]


def test_costs_are_empty_without_prices() -> None:
    assert charge_back_csv(ROWS, {}, NO_PRICES).splitlines()[1].endswith(",10,,")
    report = apps_as_json(ROWS, NO_PRICES, NOW)
    assert (report["cost"], report["currency"], report["apps"][0]["cost"]) == (None, None, None)


def test_table_has_a_line_per_app_and_a_total() -> None:
    lines = [line.split() for line in apps_as_table(ROWS, PRICES).splitlines()]
    assert lines[0][:1] == ["APP"]
    assert lines[1:] == [
        ["-", "1", "0", "10", "0.02", "0%"],
        ["board", "6", "1", "1000000", "0.61", "56%"],
        ["other", "0", "0", "0", "0.00", "100%"],
        ["total", "7", "1", "1000010", "0.62", "64%"],
    ]
