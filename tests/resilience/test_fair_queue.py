import pytest

from gateway.resilience.fair_queue import FairQueue, QueueTicket


def turns(*claims: tuple[str, bool]) -> FairQueue[int]:
    found = FairQueue[int]()
    for number, (caller, batch) in enumerate(claims):
        found.add(QueueTicket("k", caller, batch), number)
    return found


def taken(found: FairQueue[int]) -> list[int]:
    return [found.take_next() for _ in range(len(found))]


def test_callers_take_turns_however_many_requests_each_has() -> None:
    assert taken(turns(("a", False), ("a", False), ("a", False), ("b", False), ("b", False))) == [
        0,
        3,
        1,
        4,
        2,
    ]


def test_interactive_callers_go_before_batch() -> None:
    assert taken(turns(("a", True), ("b", False), ("a", True), ("b", False))) == [1, 3, 0, 2]


def test_who_gives_up_leaves_the_line() -> None:
    found = turns(("a", False), ("b", False))
    found.remove(QueueTicket("k", "a"), 0)
    found.remove(QueueTicket("k", "nobody"), 0)
    assert (len(found), taken(found)) == (1, [1])
    with pytest.raises(LookupError):
        found.take_next()
