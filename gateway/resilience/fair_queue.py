"""Fair queue of the requests that wait for a permit."""

from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class QueueTicket(NamedTuple):
    """Place of a request in the queue: rate limit key, caller for fairness, and whether it is batch work."""

    key: str
    caller: str = ""
    is_batch: bool = False


class FairQueue(Generic[T]):
    """Waiting items in the order of service: interactive before batch, and the callers in rotation."""

    def __init__(self) -> None:
        self._queues: dict[bool, dict[str, deque[T]]] = {False: {}, True: {}}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, ticket: QueueTicket, item: T) -> None:
        """Append an item to the queue of its caller."""
        self._queues[ticket.is_batch].setdefault(ticket.caller, deque()).append(item)
        self._count += 1

    def waiting_of(self, ticket: QueueTicket) -> int:
        """Return the number of waiting items of a ticket's caller."""
        return sum(len(by_caller.get(ticket.caller, ())) for by_caller in self._queues.values())

    def take_next(self, may_run: Callable[[str], bool] = lambda _: True) -> T | None:
        """Remove and return the next item of a caller who may run; None if there is none."""
        for by_caller in self._queues.values():
            caller = next(filter(may_run, by_caller), None)
            if caller is not None:
                self._count -= 1
                return _take_first(by_caller, caller)
        return None

    def remove(self, ticket: QueueTicket, item: T) -> None:
        """Remove an item if it is still in the queue."""
        by_caller = self._queues[ticket.is_batch]
        items = by_caller.get(ticket.caller, deque())
        if item in items:
            items.remove(item)
            self._count -= 1
        if not items:
            by_caller.pop(ticket.caller, None)


def _take_first(by_caller: dict[str, deque[T]], caller: str) -> T:
    """Remove and return the first item of a caller, whose others move behind those of all callers."""
    items = by_caller.pop(caller)
    item = items.popleft()
    if items:
        by_caller[caller] = items
    return item
