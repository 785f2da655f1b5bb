"""Fair queue of the requests that wait for a permit."""

from collections import deque
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

    def __len__(self) -> int:
        return sum(len(items) for by_caller in self._queues.values() for items in by_caller.values())

    def add(self, ticket: QueueTicket, item: T) -> None:
        """Append an item to the queue of its caller."""
        self._queues[ticket.is_batch].setdefault(ticket.caller, deque()).append(item)

    def take_next(self) -> T:
        """Remove and return the next item. Raises LookupError if the queue is empty."""
        by_caller = self._queues[False] or self._queues[True]
        caller = next(iter(by_caller), None)
        if caller is None:
            raise LookupError
        items = by_caller.pop(caller)
        item = items.popleft()
        if items:
            by_caller[caller] = items
        return item

    def remove(self, ticket: QueueTicket, item: T) -> None:
        """Remove an item if it is still in the queue."""
        by_caller = self._queues[ticket.is_batch]
        items = by_caller.get(ticket.caller, deque())
        if item in items:
            items.remove(item)
        if not items:
            by_caller.pop(ticket.caller, None)
