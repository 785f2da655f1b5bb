"""Thread that rewrites SQL commands, one after the other, and the bound on those that wait for it.

Rewriting is computation: a second thread would not make it faster, and each takes some times the memory of
its command.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from gateway.errors import catalog
from gateway.errors.exception_places import exception_fields
from gateway.errors.failure import Failure
from gateway.sql.reasons import Reason
from gateway.sql.rewrite import LeftAlone, Rewritten, Scope, rewrite_query
from gateway.thread_switching import frequent_switches

_log = structlog.get_logger()
#: Maximum commands in the queue, and those of one caller.
MAX_COMMANDS: Final = 16
MAX_COMMANDS_OF_CALLER: Final = 4
#: Bytes that are searched in one turn of the event loop.
_CHUNK: Final = 262_144

RewriteQuery = Callable[[bytes, Scope], Rewritten | LeftAlone]


class RewriteQueue:
    """Rewrites one command at a time, in the order of arrival."""

    def __init__(self, rewrite: RewriteQuery = rewrite_query) -> None:
        self._rewrite = rewrite
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sql-rewrite")
        self._commands: Counter[str] = Counter()

    async def rewrite(self, body: bytes, scope: Scope, caller: str) -> Rewritten | LeftAlone:
        """Rewrite a query's body; a bug leaves it alone. Raises Failure 503 if too many wait.

        `caller`: those that no upstream has confirmed share one.
        """
        if self._commands.total() >= MAX_COMMANDS or self._commands[caller] >= MAX_COMMANDS_OF_CALLER:
            raise Failure(catalog.GATEWAY_OVERLOADED)
        self._commands[caller] += 1
        loop = asyncio.get_running_loop()
        try:
            with frequent_switches():
                return await loop.run_in_executor(self._thread, self._rewrite_safely, body, scope)
        finally:
            self._commands[caller] -= 1
            self._commands += Counter()  # without callers that have none

    def _rewrite_safely(self, body: bytes, scope: Scope) -> Rewritten | LeftAlone:
        try:
            return self._rewrite(body, scope)
        except Exception as error:  # noqa: BLE001 - the client's own command is always an alternative
            _log.error("sql-rewrite-failed", **exception_fields(error))
            return LeftAlone(Reason.NOT_PROVED)


async def contains(body: bytes, words: bytes) -> bool:
    """Whether a body contains some bytes; other requests run between the pieces of a large body."""
    for start in range(0, len(body), _CHUNK):
        if body.find(words, start, start + _CHUNK + len(words) - 1) >= 0:
            return True
        if start + _CHUNK < len(body):
            await asyncio.sleep(0)
    return False
