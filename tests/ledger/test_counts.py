import sys
from threading import Thread

from support.requests import GUID

from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.counts import PendingCounts, merge_rows, sorted_rows

LINE = LedgerKey("2026-07-01", GUID, "c0ffee00", "Patient", "read", CostClass.BILLED)
HIT = LINE._replace(cost=CostClass.HIT)


def test_equal_lines_are_one_pair_of_numbers() -> None:
    tally = PendingCounts()
    tally.add(LINE, 10)
    tally.add(LINE, 50, 5)
    tally.add(HIT, 1)
    assert tally.queries == 7
    assert tally.drain() == {LINE: (6, 60), HIT: (1, 1)}
    assert tally.drain() == {}


def test_what_is_put_back_joins_what_came_meanwhile() -> None:
    tally = PendingCounts()
    tally.add(LINE, 10)
    taken = tally.drain()
    tally.add(LINE, 1)
    tally.restore(taken)
    assert tally.drain() == {LINE: (2, 11)}


def test_counting_and_taking_at_once_lose_nothing() -> None:
    tally, found, before = PendingCounts(), [], sys.getswitchinterval()
    counting = [Thread(target=lambda: [tally.add(LINE, 1) for _ in range(5_000)]) for _ in range(3)]
    sys.setswitchinterval(1e-5)
    try:
        for each in counting:
            each.start()
        while any(each.is_alive() for each in counting):
            found.append(tally.drain())
    finally:
        sys.setswitchinterval(before)
    found.append(tally.drain())
    assert sum(amounts[0] for counts in found for amounts in counts.values()) == 15_000


def test_rows_of_several_places_are_added_up_in_the_ledgers_order() -> None:
    earlier = LINE._replace(day="2026-06-30")
    parts = [LedgerRow(LINE, 1, 10), LedgerRow(HIT, 1, 1), LedgerRow(earlier, 1, 5), LedgerRow(LINE, 2, 20)]
    assert merge_rows(parts) == [LedgerRow(earlier, 1, 5), LedgerRow(HIT, 1, 1), LedgerRow(LINE, 3, 30)]
    assert sorted_rows({}) == []
