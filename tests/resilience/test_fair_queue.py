"""Fair queue."""

from gateway.resilience.fair_queue import FairQueue, QueueTicket


def queue_of(*tickets: tuple[str, bool]) -> FairQueue[int]:
    queue = FairQueue[int]()
    for number, (caller, is_batch) in enumerate(tickets):
        queue.add(QueueTicket("k", caller, is_batch), number)
    return queue


def take_all(queue: FairQueue[int]) -> list[int]:
    return [item for _ in range(len(queue)) if (item := queue.take_next()) is not None]


def test_callers_are_served_in_rotation() -> None:
    queue = queue_of(("a", False), ("a", False), ("a", False), ("b", False), ("b", False))
    assert take_all(queue) == [0, 3, 1, 4, 2]


def test_interactive_callers_are_served_before_batch() -> None:
    assert take_all(queue_of(("a", True), ("b", False), ("a", True), ("b", False))) == [1, 3, 0, 2]


def test_removed_item_leaves_the_queue() -> None:
    queue = queue_of(("a", False), ("b", False))
    queue.remove(QueueTicket("k", "a"), 0)
    queue.remove(QueueTicket("k", "unknown"), 0)
    assert (len(queue), take_all(queue)) == (1, [1])
    assert queue.take_next() is None


def test_callers_who_may_not_run_are_passed_over() -> None:
    queue = queue_of(("a", False), ("b", False), ("c", True))
    assert queue.take_next(lambda caller: caller != "a") == 1
    assert queue.take_next(lambda caller: caller != "a") == 2
    assert queue.take_next(lambda caller: caller != "a") is None
    assert len(queue) == 1


def test_waiting_items_of_a_caller_are_counted() -> None:
    queue = queue_of(("a", False), ("a", True), ("b", False))
    assert [queue.waiting_of(QueueTicket("k", caller)) for caller in "abc"] == [2, 1, 0]


def test_length_follows_every_change() -> None:
    queue = queue_of(("a", False), ("a", True), ("b", False))
    assert len(queue) == 3
    queue.take_next()
    queue.remove(QueueTicket("key", "absent"), 9)
    assert len(queue) == 2
    assert len(take_all(queue)) == 2
    assert len(queue) == 0
