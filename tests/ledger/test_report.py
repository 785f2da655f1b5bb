"""Reports of the ledger."""

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


def test_saved_ratio_counts_possibly_billed_but_not_paused_requests() -> None:
    assert saved_ratio(totals_by_class(ROWS)) == pytest.approx(30 / 42)
    assert saved_ratio(totals_by_class([])) == 0


def test_no_class_is_both_billable_and_saved() -> None:
    assert not BILLABLE_CLASSES & SAVED_CLASSES


@given(
    st.lists(
        st.tuples(
            st.sampled_from(CostClass), st.integers(0, 99), st.sampled_from(["2026-07-01", "2026-07-02"])
        )
    )
)
def test_totals_by_day_and_class_contain_all_rows(samples: list[tuple[CostClass, int, str]]) -> None:
    rows = [row(cost, queries, day=day) for cost, queries, day in samples]
    total = sum(amount.queries for amounts in totals_by_day(rows).values() for amount in amounts.values())
    assert total == sum(queries for _, queries, _ in samples)


def test_csv_has_a_header_and_a_line_per_row() -> None:
    header, first, *others = csv.reader(StringIO(as_csv(ROWS, NAMES)))
    assert tuple(header) == COLUMNS
    assert first == ["2026-07-01", GUID, "harbour", "c0ffee00", "Patient", "read", "billed", "10", "900"]
    assert len(others) == 3


def test_json_has_a_date_and_all_classes() -> None:
    report = as_json(ROWS, NAMES, NOW)
    assert report["asOf"] == "2026-07-01T02:00:00+00:00"
    assert set(report["totals"]) == set(CostClass)
    assert report["totals"]["billed"] == {"queries": 10, "bytes": 900}
    assert report["days"][0]["name"] == "harbour"
    assert report["rows"][2]["class"] == "avoided:hit"


def test_table_has_a_line_per_day_and_site_and_total() -> None:
    lines = as_table([*ROWS, row(CostClass.FREE, site="")], NAMES).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["2026-07-01", "-"],
        ["2026-07-01", "harbour"],
        ["total", "10"],
    ]
    assert lines[-1].split()[-2:] == ["900", "71%"]


def test_empty_ledger_is_a_table_of_zeros() -> None:
    assert as_table([], {}).splitlines()[-1].split()[-1] == "0%"
