"""Fair queue: which of the waiting callers sends next."""

from collections import deque
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class QueueTicket(NamedTuple):
    """Who wants a turn: the key whose rate it uses, the caller it is fair to, and whether it can wait."""

    key: str
    caller: str = ""
    is_batch: bool = False


class FairQueue(Generic[T]):
    """Who waits, in the order they are served: interactive before batch, then each caller in turn."""

    def __init__(self) -> None:
        self._queues: dict[bool, dict[str, deque[T]]] = {False: {}, True: {}}

    def __len__(self) -> int:
        return sum(len(line) for lines in self._queues.values() for line in lines.values())

    def add(self, ticket: QueueTicket, item: T) -> None:
        """Let one wait."""
        self._queues[ticket.is_batch].setdefault(ticket.caller, deque()).append(item)

    def take_next(self) -> T:
        """The next one, who waits no longer. Raises LookupError when nobody waits."""
        lines = self._queues[False] or self._queues[True]
        caller = next(iter(lines), None)
        if caller is None:
            raise LookupError
        line = lines.pop(caller)
        item = line.popleft()
        if line:
            lines[caller] = line
        return item

    def remove(self, ticket: QueueTicket, item: T) -> None:
        """Let one go who gave up."""
        lines = self._queues[ticket.is_batch]
        line = lines.get(ticket.caller, deque())
        if item in line:
            line.remove(item)
        if not line:
            lines.pop(ticket.caller, None)
