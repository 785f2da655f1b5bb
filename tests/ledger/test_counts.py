"""Pending counts and merged rows."""

import sys
from threading import Thread

from hypothesis import given
from hypothesis import strategies as st
from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.counts import (
    PendingCounts,
    merge_rows,
    sorted_rows,
    split_by_app,
    sum_app_usage,
    total_counts,
)

KEY = LedgerKey("2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
HIT = KEY._replace(cost=CostClass.HIT)


def test_equal_keys_add_up() -> None:
    counts = PendingCounts()
    counts.add(KEY, 10)
    counts.add(KEY, 50, 5)
    counts.add(HIT, 1)
    assert counts.queries == 7
    assert counts.drain() == {KEY: (6, 60), HIT: (1, 1)}
    assert counts.drain() == {}


def test_restored_counts_add_to_later_counts() -> None:
    counts = PendingCounts()
    counts.add(KEY, 10)
    drained = counts.drain()
    counts.add(KEY, 1)
    counts.restore(drained)
    assert counts.drain() == {KEY: (2, 11)}


def test_concurrent_counting_and_draining_lose_nothing() -> None:
    counts, drained, switch_interval = PendingCounts(), [], sys.getswitchinterval()
    threads = [Thread(target=lambda: [counts.add(KEY, 1) for _ in range(5_000)]) for _ in range(3)]
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            drained.append(counts.drain())
    finally:
        sys.setswitchinterval(switch_interval)
    drained.append(counts.drain())
    assert sum(amounts[0] for part in drained for amounts in part.values()) == 15_000


def test_rows_are_merged_in_the_order_of_the_ledger() -> None:
    earlier = KEY._replace(day="2026-06-30")
    rows = [LedgerRow(KEY, 1, 10), LedgerRow(HIT, 1, 1), LedgerRow(earlier, 1, 5), LedgerRow(KEY, 2, 20)]
    assert merge_rows(rows) == [LedgerRow(earlier, 1, 5), LedgerRow(HIT, 1, 1), LedgerRow(KEY, 3, 30)]
    assert sorted_rows({}) == []


APPS = ("board", "letters", "other", "")
KEYS = [key._replace(app=app) for key in (KEY, HIT) for app in APPS]
COUNTS = st.dictionaries(st.sampled_from(KEYS), st.tuples(st.integers(1, 50), st.integers(0, 500)))


@given(COUNTS)
def test_split_totals_are_the_counts_again(counts: dict[LedgerKey, tuple[int, int]]) -> None:
    totals = sorted_rows(total_counts(counts))
    parts = [row for row in sorted_rows(counts) if row.key.app]
    assert split_by_app(totals, parts) == sorted_rows(counts)


@given(COUNTS, COUNTS)
def test_sums_by_app_are_the_totals_whatever_the_parts(
    counts: dict[LedgerKey, tuple[int, int]], others: dict[LedgerKey, tuple[int, int]]
) -> None:
    totals = sorted_rows(total_counts(counts))
    parts = [row for row in sorted_rows(others) if row.key.app]
    split = split_by_app(totals, parts)
    sums = merge_rows(row._replace(key=row.key.total) for row in split)
    assert sums == totals
    assert all(row.queries >= 0 and row.octets >= 0 for row in split)


def test_usage_of_apps_is_that_of_proved_callers() -> None:
    board = KEY._replace(app="board")
    rows = [
        LedgerRow(board, 1, 10),
        LedgerRow(board._replace(cost=CostClass.MAYBE_BILLED, type="Slot"), 2, 20),
        LedgerRow(board._replace(caller="unproved"), 4, 40),
        LedgerRow(board._replace(cost=CostClass.HIT), 8, 80),
        LedgerRow(KEY, 16, 160),
    ]
    assert sum_app_usage(rows) == {("board", "2026-07-01"): (3, 30)}
