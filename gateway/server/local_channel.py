"""Channel between the workers of one machine: a ring of messages for each, in memory that all share.

A worker publishes by writing to its own ring, and is done: every other worker looks at the ends of all rings
whenever it asks whether it is current. So nothing is acknowledged, no worker that stalls delays a write, and
what begins after a write sees it.
"""

import mmap
import os
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from gateway.stores.channel import Listener

_log = structlog.get_logger()

#: Bytes of one ring: what a busy worker publishes in half a minute.
RING_BYTES: Final = 8_388_608
#: Bytes of the length before each message, and of an end of a ring.
_LENGTH_BYTES: Final = 4
_END_BYTES: Final = 8
#: Topic of the messages of `Channel`.
MAIN_TOPIC: Final = b"\x00"
#: Exit code of a worker that missed messages (EX_SOFTWARE).
_EXIT_CODE: Final = 70


class SharedRings:
    """Rings of `count` workers, in anonymous memory: make it before the workers are forked.

    Each ring has one writer. Its end is the number of bytes ever written, and is set after the bytes. A
    message has at most a sixteenth of the ring: a site and its tags are far smaller.
    """

    def __init__(self, count: int, ring_bytes: int = RING_BYTES) -> None:
        self.count = count
        self.ring_bytes = ring_bytes
        self._max_record = ring_bytes // 16
        self._start = -(-count * _END_BYTES // mmap.PAGESIZE) * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, self._start + count * ring_bytes)
        self._ends = memoryview(self._memory)[: count * _END_BYTES].cast("Q")

    def end_of(self, number: int) -> int:
        """Return the number of bytes ever written to a ring."""
        return self._ends[number]

    def ends(self) -> bytes:
        """Return the ends of all rings, to be compared."""
        return self._memory[: self.count * _END_BYTES]

    def append(self, number: int, message: bytes) -> None:
        """Add a message to a ring. Raises ValueError if it is too long."""
        if len(message) > self._max_record - _LENGTH_BYTES:
            raise ValueError("the message is too long for the ring")
        record = len(message).to_bytes(_LENGTH_BYTES) + message
        end = self.end_of(number)
        self._copy_in(number, end, record)
        self._ends[number] = end + len(record)

    def messages(self, number: int, start: int, end: int) -> list[bytes]:
        """Return the messages between two ends. Raises LookupError if some were overwritten."""
        content = self._copy_out(number, start, end) if end - start <= self.ring_bytes else b""
        # The writer may be copying its next record in: that changes the end of the ring only afterwards.
        if self.end_of(number) - start > self.ring_bytes - self._max_record:
            raise LookupError("messages were overwritten before they were read")
        return list(_split(content))

    def _copy_in(self, number: int, end: int, record: bytes) -> None:
        ring, offset = self._start + number * self.ring_bytes, end % self.ring_bytes
        first = record[: self.ring_bytes - offset]
        rest = record[len(first) :]
        self._memory[ring + offset : ring + offset + len(first)] = first
        self._memory[ring : ring + len(rest)] = rest

    def _copy_out(self, number: int, start: int, end: int) -> bytes:
        ring, offset, size = self._start + number * self.ring_bytes, start % self.ring_bytes, end - start
        first = self._memory[ring + offset : ring + min(self.ring_bytes, offset + size)]
        return first + self._memory[ring : ring + size - len(first)]


def _split(content: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(content):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(content[position:start])
        yield content[start:position]


def end_process() -> None:
    """End this worker, which missed writes of others; the parent replaces it at once."""
    _log.error("worker-fell-behind")
    os._exit(_EXIT_CODE)


def _ignore(message: bytes) -> None:
    del message


class LocalChannel:
    """Messages of one worker to all others (`stores/channel.py`), and of the others to it.

    A new worker reads what is published after this call. `fall_behind` is called if messages were overwritten
    before this worker read them, which takes megabytes of them while it stalls.
    """

    def __init__(
        self, rings: SharedRings, number: int, fall_behind: Callable[[], None] = end_process
    ) -> None:
        self._rings = rings
        self._number = number
        self._fall_behind = fall_behind
        self._listeners: dict[bytes, Listener] = {}
        self._seen = rings.ends()
        self._read_ends = [rings.end_of(each) for each in range(rings.count)]
        self._missed = False

    def set_listener(self, listener: Listener) -> None:
        """Call a listener with each message of another worker."""
        self.set_topic_listener(MAIN_TOPIC, listener)

    def set_topic_listener(self, topic: bytes, listener: Listener) -> None:
        """Call a listener with each message of another worker about a topic, which is one byte."""
        self._listeners[topic] = listener

    async def publish(self, message: bytes) -> None:
        """Make a message visible to all other workers at once."""
        self.publish_now(MAIN_TOPIC, message)

    def publish_now(self, topic: bytes, message: bytes) -> None:
        """Make a message visible to all other workers at once, without a wait."""
        self._rings.append(self._number, topic + message)

    async def problem(self) -> str:
        """Return that nothing keeps messages from the others."""
        return ""

    def has_unsent(self) -> bool:
        """Return False: a message is visible to the others at once."""
        return False

    def is_current(self) -> bool:
        """Whether there was nothing new to read.

        It reads and applies what is new. False also then, because the caller may have looked at its marks
        before: it must look again.
        """
        if self._rings.ends() == self._seen:
            return not self._missed
        return not self.receive() and not self._missed

    def receive(self) -> int:
        """Call the listeners with all new messages of other workers; return their number."""
        if self._rings.ends() == self._seen:
            return 0
        self._seen = self._rings.ends()
        messages = [
            message
            for each in range(self._rings.count)
            if each != self._number
            for message in self._read(each)
        ]
        for message in messages:
            self._listeners.get(message[:1], _ignore)(message[1:])
        return len(messages)

    def _read(self, number: int) -> list[bytes]:
        start, end = self._read_ends[number], self._rings.end_of(number)
        self._read_ends[number] = end
        try:
            return self._rings.messages(number, start, end) if end > start else []
        except LookupError:
            self._missed = True
            self._fall_behind()
            return []
