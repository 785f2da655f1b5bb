import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import GUID, NOW

from gateway.ledger.cost import BILLABLE_CLASSES, SAVED_CLASSES, CostClass, LedgerKey, LedgerRow
from gateway.ledger.report import (
    COLUMNS,
    as_csv,
    as_json,
    as_table,
    saved_ratio,
    totals_by_class,
    totals_by_day,
)

NAMES = {GUID: "harbour"}


def row(
    cost: CostClass, queries: int = 1, octets: int = 0, day: str = "2026-07-01", site: str = GUID
) -> LedgerRow:
    return LedgerRow(LedgerKey(day, site, "c0ffee00", "Patient", "read", cost), queries, octets)


ROWS = [
    row(CostClass.BILLED, 10, 900),
    row(CostClass.MAYBE_BILLED, 2, 0),
    row(CostClass.HIT, 30, 2_700),
    row(CostClass.PAUSED, 7),
]


def test_a_pause_is_no_saving_and_what_may_be_billed_is_paid() -> None:
    assert saved_ratio(totals_by_class(ROWS)) == pytest.approx(30 / 42)
    assert saved_ratio(totals_by_class([])) == 0


def test_no_class_is_both_paid_and_saved() -> None:
    assert not BILLABLE_CLASSES & SAVED_CLASSES


@given(
    st.lists(
        st.tuples(
            st.sampled_from(CostClass), st.integers(0, 99), st.sampled_from(["2026-07-01", "2026-07-02"])
        )
    )
)
def test_no_row_is_lost_between_days_and_classes(drawn: list[tuple[CostClass, int, str]]) -> None:
    rows = [row(cost, queries, day=day) for cost, queries, day in drawn]
    split = sum(each.queries for amounts in totals_by_day(rows).values() for each in amounts.values())
    assert split == sum(queries for _, queries, _ in drawn)


def test_csv_has_a_head_and_a_line_per_row() -> None:
    head, first, *others = csv.reader(StringIO(as_csv(ROWS, NAMES)))
    assert tuple(head) == COLUMNS
    assert first == ["2026-07-01", GUID, "harbour", "c0ffee00", "Patient", "read", "billed", "10", "900"]
    assert len(others) == 3


def test_json_dates_its_figures_and_names_every_class() -> None:
    found = as_json(ROWS, NAMES, NOW)
    assert found["asOf"] == "2026-07-01T02:00:00+00:00"
    assert set(found["totals"]) == set(CostClass)
    assert found["totals"]["billed"] == {"queries": 10, "bytes": 900}
    assert found["days"][0]["name"] == "harbour"
    assert found["rows"][2]["class"] == "avoided:hit"


def test_the_table_has_a_line_per_day_and_site_and_a_total() -> None:
    lines = as_table([*ROWS, row(CostClass.FREE, site="")], NAMES).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["2026-07-01", "-"],
        ["2026-07-01", "harbour"],
        ["total", "10"],
    ]
    assert lines[-1].split()[-2:] == ["900", "71%"]


def test_an_empty_ledger_is_a_table_of_zeros() -> None:
    assert as_table([], {}).splitlines()[-1].split()[-1] == "0%"
