"""One HTTP/1.1 connection to an upstream: at most one request at a time, each written once."""

import asyncio
import select
from collections.abc import Callable
from math import inf
from typing import NamedTuple, cast

import httpx

from gateway.errors import catalog
from gateway.upstreams.content_codings import PIECE_BYTES
from gateway.upstreams.response_reader import Received, ResponseReader

#: Size up to which a body is copied behind the head, which costs less than a second write.
_JOINED_BYTES = 64 * 1024
_RESET = catalog.UPSTREAM_RESET.code


class Limits(NamedTuple):
    """Limits of one exchange: seconds without data, time of the loop at which it ends, bytes of the body."""

    read_seconds: float
    ends_at: float
    max_body: int | None


class Connection(asyncio.Protocol):
    """Connection that writes a request and reads its response.

    One timer serves the whole life of the connection: it looks at `_due_at` and sets itself again, because
    a timer for every wait would cost more than the exchange.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.reader = ResponseReader()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._due_at = self._ends_at = self._read_seconds = inf
        self._is_exchanging = self._is_written = self._is_paused = False
        self._is_readable: Callable[[], bool] | None = None
        #: Why the exchange failed: `closed`, `reset`, `no-response`; empty if it did not.
        self._problem = ""

    @property
    def is_open(self) -> bool:
        """Whether a request can be written."""
        return self._transport is not None and not self._transport.is_closing()

    def is_silent(self) -> bool:
        """Whether the upstream has neither closed the idle connection nor sent anything.

        The event loop may not have read yet what the socket has received.
        """
        if self._transport is None or not self.is_open:
            return False
        self._is_readable = self._is_readable or _readable_check(self._transport)
        return not self._is_readable()

    async def exchange(self, head: bytes, body: bytes, limits: Limits, *, has_body: bool = True) -> Received:
        """Write a request once, and return its response when that is complete.

        Afterwards the connection is closed, unless it can serve a further request.
        Raises httpx.ConnectError if nothing was written, else ReadError, ReadTimeout or DecodingError.
        """
        self.reader.start(limits.max_body, has_body=has_body)
        self._is_exchanging, self._is_written, self._problem = True, False, ""
        self._read_seconds, self._ends_at = limits.read_seconds, limits.ends_at
        self._watch(limits.ends_at)
        try:
            await self._write(head, body)
            if not self._is_over:
                self._is_written = True
                self._watch(min(self._loop.time() + limits.read_seconds, limits.ends_at))
                while not self._is_over:
                    await self._wait()
            self._require_response()
            return self.reader.take()
        finally:
            self._is_exchanging = False
            if not self._may_reuse():
                self.close()

    def keep_for(self, seconds: float | None) -> None:
        """Close the connection after this time without a request."""
        self._watch(inf if seconds is None else self._loop.time() + seconds)

    def close(self) -> None:
        """Close the connection at once; what was not written yet is dropped."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._is_exchanging:  # else the response is still to be taken
            self.reader.close()

    async def _write(self, head: bytes, body: bytes) -> None:
        """Write the request, a large body in pieces; stop when the upstream has responded already."""
        if self._transport is None or self._transport.is_closing():
            raise httpx.ConnectError(f"{catalog.UPSTREAM_CONNECT.code} closed")
        if len(body) <= _JOINED_BYTES:
            self._transport.write(head + body if body else head)
        else:
            self._transport.write(head)
            view = memoryview(body)
            for start in range(0, len(body), PIECE_BYTES):
                await asyncio.sleep(0)
                await self._wait_until_read()
                if self._is_over or self._transport is None:
                    return
                self._transport.write(view[start : start + PIECE_BYTES])
        await self._wait_until_read()

    async def _wait_until_read(self) -> None:
        """Wait while the upstream reads more slowly than the request is written."""
        while self._is_paused and not self._is_over:
            await self._wait()

    @property
    def _is_over(self) -> bool:
        return bool(self.reader.is_complete or self.reader.problem or self._problem)

    async def _wait(self) -> None:
        """Wait until the exchange is over, or the upstream reads again."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _require_response(self) -> None:
        if self.reader.is_complete:
            return
        if self._problem == "no-response":
            raise httpx.ReadTimeout(f"{catalog.UPSTREAM_TIMEOUT.code} no-response")
        if self.reader.problem == "too-large":
            raise httpx.DecodingError("the response is larger than upstream.max_body")
        raise httpx.ReadError(f"{_RESET} {self.reader.problem or self._problem}")

    def _may_reuse(self) -> bool:
        return (
            self._is_written
            and self.reader.is_complete
            and self.reader.may_reuse
            and self._transport is not None
            and not self._transport.is_closing()
            and self._transport.get_write_buffer_size() == 0
        )

    # Timer.

    def _watch(self, due_at: float) -> None:
        """Set the time at which the connection is late; an earlier timer is left to find that out."""
        self._due_at = due_at
        if due_at < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at, self._timer = due_at, self._loop.call_at(due_at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, inf
        if self._due_at > self._loop.time():
            self._watch(self._due_at)
            return
        self._end("no-response")
        self.close()

    def _end(self, problem: str) -> None:
        if self._is_exchanging and not self._is_over:
            self._problem = problem
        self._wake()

    # Callbacks of the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read a part of the response; an idle connection on which something arrives is closed."""
        if not self._is_exchanging:
            self.close()
            return
        reader = self.reader
        reader.feed(data)
        if reader.is_complete or reader.problem:
            self._wake()
        elif self._is_written:
            self._watch(min(self._loop.time() + self._read_seconds, self._ends_at))

    def eof_received(self) -> None:
        """Note the end of the connection; a request that is not yet written is not needed any more."""
        self.connection_lost(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note the end of the connection, and of a response without a length."""
        if exc is None:
            self.reader.feed_end()
        if self.reader.has_head:
            self._end("body-incomplete")
        else:
            self._end("reset" if exc else "closed")
        self.close()

    def pause_writing(self) -> None:
        """Stop writing: the upstream does not read."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Go on writing."""
        self._is_paused = False
        self._wake()


def _readable_check(transport: asyncio.Transport) -> Callable[[], bool]:
    """Return a function: whether the open transport's socket has received something."""
    number = transport.get_extra_info("socket").fileno()
    if not hasattr(select, "poll"):  # Windows
        return lambda: bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return lambda: bool(poll.poll(0))
