"""Hashes and fields of the ledger in Redis."""

from collections.abc import Sequence

from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.outbox import Batch
from gateway.ledger.redis_ledger import script_arguments

KEY = LedgerKey("2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
HIT = KEY._replace(cost=CostClass.HIT)
PREFIX = "halo-gateway/{ledger}/"


def increments(*rows: LedgerRow, parts: Sequence[LedgerRow] = ()) -> dict[tuple[str, str], int]:
    """Increments of a batch: hash and field -> amount."""
    keys, values = script_arguments(Batch("sender-1", 7, list(rows), list(parts)), 86_400)
    assert keys[:2] == [PREFIX + "sender/sender-1", PREFIX + "hashes"]
    assert values[:2] == [7, 86_400]
    triples = zip(*(values[2 + offset :: 3] for offset in range(3)), strict=True)
    return {
        (keys[1 + int(number)].removeprefix(PREFIX), str(field)): int(amount)
        for number, field, amount in triples
    }


def test_billed_row_has_fields_for_its_key_and_its_site() -> None:
    fields = "\t".join(KEY[1:6])
    assert increments(LedgerRow(KEY, 3, 30)) == {
        ("lines/2026-07-01", f"{fields}\tqueries"): 3,
        ("lines/2026-07-01", f"{fields}\tbytes"): 30,
        ("paid/2026-07-01", f"{GUID}\tqueries"): 3,
        ("paid/2026-07-01", f"{GUID}\tbytes"): 30,
    }


def test_saved_row_has_no_fields_for_its_site() -> None:
    assert {key for key, _ in increments(LedgerRow(HIT, 3, 30))} == {"lines/2026-07-01"}


def test_row_of_unproved_callers_has_no_fields_for_its_site() -> None:
    row = LedgerRow(KEY._replace(caller="unproved"), 3, 30)
    assert {key for key, _ in increments(row)} == {"lines/2026-07-01"}


def test_billable_usage_is_summed_by_site_and_day() -> None:
    slot, later = KEY._replace(type="Slot", cost=CostClass.MAYBE_BILLED), KEY._replace(day="2026-07-02")
    sums = increments(LedgerRow(KEY, 1, 10), LedgerRow(slot, 2, 20), LedgerRow(later, 4, 40))
    assert sums["paid/2026-07-01", f"{GUID}\tqueries"] == 3
    assert sums["paid/2026-07-02", f"{GUID}\tqueries"] == 4
    assert len(sums) == 10


def test_part_of_an_app_has_hashes_of_its_own() -> None:
    board = KEY._replace(app="board")
    sums = increments(parts=[LedgerRow(board, 2, 20), LedgerRow(board._replace(cost=CostClass.HIT), 1, 5)])
    fields, hit_fields = "\t".join(board[1:]), "\t".join(HIT._replace(app="board")[1:])
    assert sums == {
        ("lines-by-app/2026-07-01", f"{fields}\tqueries"): 2,
        ("lines-by-app/2026-07-01", f"{fields}\tbytes"): 20,
        ("lines-by-app/2026-07-01", f"{hit_fields}\tqueries"): 1,
        ("lines-by-app/2026-07-01", f"{hit_fields}\tbytes"): 5,
        ("paid-by-app/2026-07-01", "board\tqueries"): 2,
        ("paid-by-app/2026-07-01", "board\tbytes"): 20,
    }
