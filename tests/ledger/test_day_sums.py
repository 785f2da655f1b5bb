"""Sums of one day by caller and by app."""

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.day_sums import day_sums

DAY = "2026-07-01"
KEY = LedgerKey(DAY, "site", "diary", "Patient", "read", CostClass.BILLED)


def test_rows_of_the_day_are_summed_by_name_and_class() -> None:
    totals = [
        LedgerRow(KEY, 1, 10),
        LedgerRow(KEY._replace(site="other"), 2, 20),
        LedgerRow(KEY._replace(cost=CostClass.HIT), 4, 40),
        LedgerRow(KEY._replace(day="2026-07-02"), 8, 80),
    ]
    parts = [LedgerRow(KEY._replace(app=app), 1, 10) for app in ("board", "board", "")]
    callers, apps = day_sums(DAY, totals, parts)
    assert callers == {("diary", CostClass.BILLED): (3, 30), ("diary", CostClass.HIT): (4, 40)}
    assert apps == {("board", CostClass.BILLED): (2, 20)}
