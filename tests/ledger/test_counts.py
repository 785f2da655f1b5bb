import sys
from threading import Thread

from support.requests import GUID

from gateway.ledger.cost import Cost, Line, Row
from gateway.ledger.counts import Tally, merged, rows

LINE = Line("2026-07-01", GUID, "c0ffee00", "Patient", "read", Cost.BILLED)
HIT = LINE._replace(cost=Cost.HIT)


def test_equal_lines_are_one_pair_of_numbers() -> None:
    tally = Tally()
    tally.add(LINE, 10)
    tally.add(LINE, 50, 5)
    tally.add(HIT, 1)
    assert tally.queries == 7
    assert tally.taken() == {LINE: (6, 60), HIT: (1, 1)}
    assert tally.taken() == {}


def test_what_is_put_back_joins_what_came_meanwhile() -> None:
    tally = Tally()
    tally.add(LINE, 10)
    taken = tally.taken()
    tally.add(LINE, 1)
    tally.put_back(taken)
    assert tally.taken() == {LINE: (2, 11)}


def test_counting_and_taking_at_once_lose_nothing() -> None:
    tally, found, before = Tally(), [], sys.getswitchinterval()
    counting = [Thread(target=lambda: [tally.add(LINE, 1) for _ in range(5_000)]) for _ in range(3)]
    sys.setswitchinterval(1e-5)
    try:
        for each in counting:
            each.start()
        while any(each.is_alive() for each in counting):
            found.append(tally.taken())
    finally:
        sys.setswitchinterval(before)
    found.append(tally.taken())
    assert sum(amounts[0] for counts in found for amounts in counts.values()) == 15_000


def test_rows_of_several_places_are_added_up_in_the_ledgers_order() -> None:
    earlier = LINE._replace(day="2026-06-30")
    parts = [Row(LINE, 1, 10), Row(HIT, 1, 1), Row(earlier, 1, 5), Row(LINE, 2, 20)]
    assert merged(parts) == [Row(earlier, 1, 5), Row(HIT, 1, 1), Row(LINE, 3, 30)]
    assert rows({}) == []
