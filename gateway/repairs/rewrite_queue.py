"""Threads that rewrite SQL commands, and the queue of those that wait for one.

Rewriting is computation: more threads would not make it faster, and each takes some times the memory of its
command. So one thread rewrites large commands and another small ones, which take a few milliseconds and must
not wait for large ones. `server.max_total_body` limits the bytes of all commands that wait.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from gateway.errors import catalog
from gateway.errors.exception_places import exception_fields
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.http.proved_callers import caller_of
from gateway.resilience.fair_queue import FairQueue, QueueTicket
from gateway.sql.reasons import Reason
from gateway.sql.rewrite import LeftAlone, Rewritten, Scope, rewrite_query
from gateway.thread_switching import frequent_switches

_log = structlog.get_logger()
#: Maximum commands that wait for one thread; one caller, and all unproved ones together, may have half.
MAX_COMMANDS: Final = 1_000
#: Size in bytes of the largest command that does not wait for large ones.
MAX_SMALL_COMMAND: Final = 65_536
#: Seconds that a command may wait at least: its turn is computation, also if nothing else may wait.
_MIN_WAIT: Final = 1.0
#: Bytes that are searched in one turn of the event loop.
_CHUNK: Final = 262_144

RewriteQuery = Callable[[bytes, Scope], Rewritten | LeftAlone]
RewriteRequest = Callable[[FhirRequest, Scope], Awaitable[Rewritten | LeftAlone]]
AdmissionCheck = Callable[[FhirRequest], Awaitable[None]]


class RewriteQueue:
    """Rewrites one large and one small command at a time; callers take turns, those that are proved first.

    The callers that no upstream has confirmed take turns by client address: anybody can make up a key.
    `is_proved`: whether an upstream has confirmed the caller of a request. `remaining_wait`: seconds that it
    may wait; at least `min_wait`.
    """

    def __init__(
        self,
        is_proved: Callable[[FhirRequest], bool],
        remaining_wait: Callable[[FhirRequest], float],
        rewrite: RewriteQuery = rewrite_query,
        min_wait: float = _MIN_WAIT,
    ) -> None:
        self._is_proved = is_proved
        self._remaining_wait = remaining_wait
        self._rewrite = rewrite
        self._min_wait = min_wait
        self._small, self._large = _Lane("sql-rewrite-small"), _Lane("sql-rewrite-large")

    async def rewrite(self, request: FhirRequest, scope: Scope) -> Rewritten | LeftAlone:
        """Rewrite a query's body; a bug leaves it alone. Raises Failure 503 if its turn comes too late."""
        body = request.body
        lane = self._small if len(body) <= MAX_SMALL_COMMAND else self._large
        max_wait = max(self._min_wait, self._remaining_wait(request))
        return await lane.run(self._ticket(request), max_wait, lambda: self._rewrite_safely(body, scope))

    def _ticket(self, request: FhirRequest) -> QueueTicket:
        if self._is_proved(request):
            return QueueTicket("", caller_of(request))
        return QueueTicket("", request.client_address, is_batch=True)

    def _rewrite_safely(self, body: bytes, scope: Scope) -> Rewritten | LeftAlone:
        try:
            return self._rewrite(body, scope)
        except Exception as error:  # noqa: BLE001 - the client's own command is always an alternative
            _log.error("sql-rewrite-failed", **exception_fields(error))
            return LeftAlone(Reason.NOT_PROVED)


class _Lane:
    """One thread, and the commands that wait for it. `is_batch` of a ticket: the caller is not proved."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._waiting = FairQueue[asyncio.Future[None]]()
        self._is_busy = False

    async def run(
        self, ticket: QueueTicket, max_wait: float, compute: Callable[[], Rewritten | LeftAlone]
    ) -> Rewritten | LeftAlone:
        """Run a computation in its turn. Raises Failure 503 after `max_wait` seconds, or if too many wait."""
        if self._is_busy:
            await self._wait_for_turn(ticket, max_wait)
        self._is_busy = True
        try:
            with frequent_switches():
                return await asyncio.get_running_loop().run_in_executor(self._thread, compute)
        finally:
            self._end_turn()

    async def _wait_for_turn(self, ticket: QueueTicket, max_wait: float) -> None:
        if self._is_full(ticket):
            raise Failure(catalog.GATEWAY_OVERLOADED)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.add(ticket, turn)
        try:
            async with asyncio.timeout(max_wait):
                await turn
        except BaseException as error:
            self._cancel_wait(ticket, turn)
            if isinstance(error, TimeoutError):
                raise Failure(catalog.GATEWAY_OVERLOADED) from None
            raise

    def _is_full(self, ticket: QueueTicket) -> bool:
        waiting = self._waiting
        limit = MAX_COMMANDS // 2 if ticket.is_batch else MAX_COMMANDS
        return len(waiting) >= limit or waiting.waiting_of(ticket) >= MAX_COMMANDS // 2

    def _cancel_wait(self, ticket: QueueTicket, turn: asyncio.Future[None]) -> None:
        """Leave the queue, or give the turn away that came at the same moment."""
        if turn.done() and not turn.cancelled():
            self._end_turn()
        else:
            self._waiting.remove(ticket, turn)

    def _end_turn(self) -> None:
        """Give the turn to the next that waits, unless its wait was cancelled; it stays busy until then."""
        while (turn := self._waiting.take_next()) is not None:
            if not turn.done():
                turn.set_result(None)
                return
        self._is_busy = False


def after_admission(rewrite: RewriteRequest, require_admitted: AdmissionCheck) -> RewriteRequest:
    """Return a rewrite that computes nothing for a request that would not be sent, but raises its Failure."""

    async def rewrite_admitted(request: FhirRequest, scope: Scope) -> Rewritten | LeftAlone:
        await require_admitted(request)
        return await rewrite(request, scope)

    return rewrite_admitted


async def contains(body: bytes, words: bytes) -> bool:
    """Whether a body contains some bytes; other requests run between the pieces of a large body."""
    for start in range(0, len(body), _CHUNK):
        if body.find(words, start, start + _CHUNK + len(words) - 1) >= 0:
            return True
        if start + _CHUNK < len(body):
            await asyncio.sleep(0)
    return False


def has_only_short_strings(body: bytes, max_size: int) -> bool:
    """Whether no string of a small JSON body can be longer than this; False if that is unclear."""
    if len(body) <= max_size:
        return True
    if len(body) > MAX_SMALL_COMMAND or b"\\" in body:  # an escaped quote does not end a string
        return False
    return max(map(len, body.split(b'"'))) <= max_size
