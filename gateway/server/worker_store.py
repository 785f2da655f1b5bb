"""Store in the memory of one worker, whose invalidation counters follow the writes of all workers."""

from typing import Final

import msgspec

from gateway.server.local_channel import LocalChannel
from gateway.stores.base import Store, StoreStats

#: Beginning of the names of invalidation counters.
_COUNTER_PREFIX: Final = "counter/"
#: Topic of this store's messages.
_TOPIC: Final = b"\x01"
_decode = msgspec.msgpack.Decoder(tuple[str, int, float]).decode
_encode = msgspec.msgpack.Encoder().encode


class WorkerStore:
    """A store in memory that publishes what it adds to an invalidation counter, and adds what others publish.

    Before it reads or counts, it receives what is new: a response stored before a write of another worker
    is never current after it.
    """

    def __init__(self, store: Store, channel: LocalChannel) -> None:
        self._store = store
        self._channel = channel
        #: By name, what others have added and this store has not yet: added before the next read.
        self._foreign_increments: dict[str, tuple[int, float]] = {}
        channel.set_topic_listener(_TOPIC, self._note_message)

    async def get(self, name: str) -> bytes | None:
        """Return the value stored under a name, or None."""
        return await self._store.get(name)

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Store a value for a number of seconds."""
        await self._store.set(name, value, seconds)

    async def delete(self, *names: str) -> None:
        """Delete values."""
        await self._store.delete(*names)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """Increment a counter and return its value, with the increments of all workers if it is shared."""
        if not name.startswith(_COUNTER_PREFIX):
            return await self._store.increment(name, amount, seconds)
        if amount:
            self._channel.publish_now(_TOPIC, _encode((name, amount, seconds)))
        await self.receive()
        return await self._store.increment(name, amount, seconds)

    async def receive(self) -> None:
        """Add what other workers have published."""
        self._channel.receive()
        while self._foreign_increments:
            name, increment = self._foreign_increments.popitem()
            await self._store.increment(name, *increment)

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire a lock among the requests of this worker."""
        return await self._store.acquire_lock(name, holder, seconds)

    async def release_lock(self, name: str, holder: str) -> None:
        """Release a lock, if the holder has it."""
        await self._store.release_lock(name, holder)

    async def read_stats(self) -> StoreStats:
        """Read the figures of this worker's store."""
        return await self._store.read_stats()

    async def problem(self) -> str:
        """Return the problem of the store."""
        return await self._store.problem()

    def _note_message(self, message: bytes) -> None:
        name, amount, seconds = _decode(message)
        self._foreign_increments[name] = self._foreign_increments.get(name, (0, 0.0))[0] + amount, seconds
