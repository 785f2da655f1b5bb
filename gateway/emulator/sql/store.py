"""What the emulator keeps of SQL Passthrough, all of it bounded."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, NamedTuple

from gateway.emulator.sql.bounded_store import BoundedStore
from gateway.emulator.sql.engine import ExecutionLog
from gateway.emulator.sql.queries import StoredQuery
from gateway.emulator.sql.query_error import QueryError
from gateway.emulator.sql.registered import RegisteredQuery

MAX_TASKS: Final = 1_000
_MAX_FORCED: Final = 1_000
_MAX_DELIVERIES: Final = 1_000


class ForcedState(NamedTuple):
    """The last state of the next async query, and its error."""

    status: str
    error: QueryError | None


class SqlStore:
    """Queries, registered queries, executions, webhook deliveries and background tasks of an emulator."""

    def __init__(self) -> None:
        self.queries: BoundedStore[StoredQuery] = BoundedStore()
        self.registered: BoundedStore[RegisteredQuery] = BoundedStore()
        self.log = ExecutionLog()
        self.forced: deque[ForcedState] = deque(maxlen=_MAX_FORCED)
        self.deliveries: deque[dict[str, Any]] = deque(maxlen=_MAX_DELIVERIES)
        self._tasks: set[asyncio.Task[None]] = set()

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background; dropped if there is too much of it already."""
        if len(self._tasks) >= MAX_TASKS:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Cancel what runs in the background."""
        for task in list(self._tasks):
            task.cancel()
