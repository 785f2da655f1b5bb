from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.outbox import Batch
from gateway.ledger.redis_ledger import script_arguments

LINE = LedgerKey("2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
HIT = LINE._replace(cost=CostClass.HIT)
PREFIX = "halo-gateway/{ledger}/"


def added(*rows: LedgerRow) -> dict[tuple[str, str], int]:
    """What a batch adds: hash and field -> amount."""
    keys, values = script_arguments(Batch("me", 7, list(rows)), 86_400)
    assert keys[:2] == [PREFIX + "sender/me", PREFIX + "hashes"]
    assert values[:2] == [7, 86_400]
    triples = zip(*(values[2 + each :: 3] for each in range(3)), strict=True)
    return {
        (keys[1 + int(place)].removeprefix(PREFIX), str(field)): int(amount)
        for place, field, amount in triples
    }


def test_a_line_is_two_fields_of_its_day_and_what_is_paid_two_of_its_site() -> None:
    fields = "\t".join(LINE[1:])
    assert added(LedgerRow(LINE, 3, 30)) == {
        ("lines/2026-07-01", f"{fields}\tqueries"): 3,
        ("lines/2026-07-01", f"{fields}\tbytes"): 30,
        ("paid/2026-07-01", f"{GUID}\tqueries"): 3,
        ("paid/2026-07-01", f"{GUID}\tbytes"): 30,
    }


def test_what_was_saved_is_not_among_what_was_paid() -> None:
    assert {key for key, _ in added(LedgerRow(HIT, 3, 30))} == {"lines/2026-07-01"}


def test_what_a_site_paid_is_added_up_over_its_lines_and_apart_by_day() -> None:
    slot, later = LINE._replace(type="Slot", cost=CostClass.MAYBE_BILLED), LINE._replace(day="2026-07-02")
    found = added(LedgerRow(LINE, 1, 10), LedgerRow(slot, 2, 20), LedgerRow(later, 4, 40))
    assert found["paid/2026-07-01", f"{GUID}\tqueries"] == 3
    assert found["paid/2026-07-02", f"{GUID}\tqueries"] == 4
    assert len(found) == 10
