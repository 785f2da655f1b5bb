"""Requests between the workers of one gateway, over sockets that only they have.

Each worker has an inbox. Who asks sends one end of a new socket pair into it, and reads the answer from the
other end. There is no file or port that another program could open.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec

#: Seconds that a sibling has for its answer.
ANSWER_SECONDS: Final = 0.5
#: Maximum sizes of a request and of an answer, in bytes.
MAX_REQUEST: Final = 65_536
MAX_ANSWER: Final = 32_000_000
_CHUNK: Final = 65_536


class SiblingRequest(msgspec.Struct, array_like=True, frozen=True):
    """An HTTP request for the operators' endpoints of another worker."""

    method: str
    target: str
    headers: list[tuple[str, str]] = []
    body: bytes = b""


class SiblingAnswer(msgspec.Struct, array_like=True, frozen=True):
    """Status and body of the response."""

    status: int
    body: bytes


#: Answers a request of a sibling.
AnswerRequest = Callable[[SiblingRequest], Awaitable[SiblingAnswer]]


class Inboxes:
    """The inboxes of `count` workers: make them before the workers are forked.

    The parent keeps both ends, so a new worker gets the inbox of the one that it replaces.
    """

    def __init__(self, count: int) -> None:
        self.pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count)]
        for inbox in (each for pair in self.pairs for each in pair):
            inbox.setblocking(False)

    def close(self) -> None:
        """Close the inboxes, in this process."""
        for inbox in (each for pair in self.pairs for each in pair):
            inbox.close()


class Siblings:
    """The other workers, as one of them sees them; its number counts from 1."""

    def __init__(self, inboxes: Inboxes, number: int, seconds: float = ANSWER_SECONDS) -> None:
        self._inbox = inboxes.pairs[number - 1][1]
        self._outboxes = {
            index + 1: outbox for index, (outbox, _) in enumerate(inboxes.pairs) if index + 1 != number
        }
        self._seconds = seconds
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, request: SiblingRequest) -> dict[int, SiblingAnswer | None]:
        """Ask all siblings at once; None for one that does not answer in time."""
        numbers = list(self._outboxes)
        answers = await asyncio.gather(
            *(self._ask_one(self._outboxes[number], request) for number in numbers)
        )
        return dict(zip(numbers, answers, strict=True))

    @asynccontextmanager
    async def serve(self, answer: AnswerRequest) -> AsyncIterator[None]:
        """Answer the requests of siblings until the context ends."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._inbox, self._accept, answer)
        try:
            yield
        finally:
            loop.remove_reader(self._inbox)

    def _accept(self, answer: AnswerRequest) -> None:
        """Start to answer whoever has sent a socket."""
        with suppress(BlockingIOError):
            while True:
                _, descriptors, _, _ = socket.recv_fds(self._inbox, 1, 1)
                for descriptor in descriptors:
                    task = asyncio.ensure_future(self._answer_one(descriptor, answer))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _answer_one(self, descriptor: int, answer: AnswerRequest) -> None:
        reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
        try:
            async with asyncio.timeout(2 * self._seconds):
                request = msgspec.msgpack.decode(await _read_all(reader, MAX_REQUEST), type=SiblingRequest)
                writer.write(msgspec.msgpack.encode(await answer(request)))
                await writer.drain()
        except (OSError, TimeoutError, ValueError, msgspec.DecodeError):
            pass  # who asked has gone, or takes this worker for one that does not answer
        finally:
            writer.close()

    async def _ask_one(self, outbox: socket.socket, request: SiblingRequest) -> SiblingAnswer | None:
        own_end, other_end = socket.socketpair()
        try:
            with other_end:
                socket.send_fds(outbox, [b"?"], [other_end.fileno()])
        except OSError:  # its inbox is full: it does not read
            own_end.close()
            return None
        reader, writer = await asyncio.open_connection(sock=own_end)
        try:
            async with asyncio.timeout(self._seconds):
                writer.write(msgspec.msgpack.encode(request))
                writer.write_eof()
                return msgspec.msgpack.decode(await _read_all(reader, MAX_ANSWER), type=SiblingAnswer)
        except (OSError, TimeoutError, ValueError, msgspec.DecodeError):
            return None
        finally:
            writer.close()


async def _read_all(reader: asyncio.StreamReader, max_bytes: int) -> bytes:
    """Read to the end. Raises ValueError beyond a maximum."""
    content = bytearray()
    while chunk := await reader.read(_CHUNK):
        content += chunk
        if len(content) > max_bytes:
            raise ValueError("too long")
    return bytes(content)
