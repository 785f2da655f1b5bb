"""Fair queue: which of the waiting callers sends next."""

from collections import deque
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Claimant(NamedTuple):
    """Who wants a turn: the key whose rate it uses, the caller it is fair to, and whether it can wait."""

    key: str
    caller: str = ""
    batch: bool = False


class Turns(Generic[T]):
    """Who waits, in the order they are served: interactive before batch, then each caller in turn."""

    def __init__(self) -> None:
        self._lines: dict[bool, dict[str, deque[T]]] = {False: {}, True: {}}

    def __len__(self) -> int:
        return sum(len(line) for lines in self._lines.values() for line in lines.values())

    def add(self, claimant: Claimant, item: T) -> None:
        """Let one wait."""
        self._lines[claimant.batch].setdefault(claimant.caller, deque()).append(item)

    def take(self) -> T:
        """The next one, who waits no longer. Raises LookupError when nobody waits."""
        lines = self._lines[False] or self._lines[True]
        caller = next(iter(lines), None)
        if caller is None:
            raise LookupError
        line = lines.pop(caller)
        item = line.popleft()
        if line:
            lines[caller] = line
        return item

    def drop(self, claimant: Claimant, item: T) -> None:
        """Let one go who gave up."""
        lines = self._lines[claimant.batch]
        line = lines.get(claimant.caller, deque())
        if item in line:
            line.remove(item)
        if not line:
            lines.pop(claimant.caller, None)
