"""Store in the memory of one worker, which follows what the stores of all other workers learn."""

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.server.local_channel import MAIN_TOPIC, LocalChannel, SharedRings
from gateway.stores.base import Store, StoreStats
from gateway.stores.channel import MESSAGES_LOST

#: Beginning of the names of stored responses, which stay in the worker that fetched them.
_OWN_PREFIX: Final = "response/"
#: Beginning of the names of the counters by which stored responses end, and what a death adds to them:
#: more than hundreds of writes do, and millions of deaths fit into 64 bits.
_COUNTER_PREFIX: Final = "counter/"
_ADDED_BY_DEATH: Final = 2**40
#: Topic of this store's messages.
_TOPIC: Final = b"\x01"
#: Maximum size of a value that is published, in bytes; no state of the gateway is as large.
_MAX_VALUE: Final = 65_536


class _Increment(msgspec.Struct, tag=True, array_like=True, frozen=True):
    name: str
    amount: int
    seconds: float


class _Value(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """A value that was set; None: deleted."""

    name: str
    value: bytes | None
    seconds: float


class _Death(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """A worker died: what it has written in its last moments is unknown."""


_decode = msgspec.msgpack.Decoder(_Increment | _Value | _Death).decode
_encode = msgspec.msgpack.Encoder().encode


class WorkerStore:
    """A store in memory that publishes its counters and values, but no responses, and takes those of others.

    Before it reads or counts, it receives what is new: a response stored before a write of another worker
    is never current after it. The death of a worker changes all counters of invalidations: it may have sent a
    write whose end it could not tell. Locks hold among the requests of one worker. `store` never waits.
    """

    def __init__(self, store: Store, channel: LocalChannel) -> None:
        self._store = store
        self._channel = channel
        #: What others published and this store does not have yet, by name: at most until its next use.
        self._increments: dict[str, _Increment] = {}
        self._values: dict[str, _Value] = {}
        #: What each death has added to all counters of invalidations.
        self._added_by_deaths = 0
        channel.set_topic_listener(_TOPIC, self._note_message)

    async def get(self, name: str) -> bytes | None:
        """Return the value stored under a name, or None."""
        await self.receive()
        return await self._store.get(name)

    async def get_all(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the values stored under those of these names that have one."""
        await self.receive()
        return await self._store.get_all(names)

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Store a value for a number of seconds."""
        await self.receive()
        if not name.startswith(_OWN_PREFIX) and len(value) <= _MAX_VALUE:
            self._publish(_Value(name, bytes(value), seconds))
        await self._store.set(name, value, seconds)

    async def delete(self, *names: str) -> None:
        """Delete values."""
        await self.receive()
        for name in names:
            self._publish(_Value(name, None, 0.0))
        await self._store.delete(*names)

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """Increment a counter and return its value, which includes what other workers have added."""
        if amount:
            self._publish(_Increment(name, amount, seconds))
        await self.receive()
        value = await self._store.increment(name, amount, seconds)
        return value + self._added_by_deaths if name.startswith(_COUNTER_PREFIX) else value

    async def read_invalidations(self, name: str, seconds: float) -> int | None:
        """Return the number of a counter, which memory has without creating it."""
        return await self.increment(name, 0, seconds)

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

    async def receive(self) -> None:
        """Take what other workers have published."""
        self._channel.receive()
        while self._increments:
            name, change = self._increments.popitem()
            await self._store.increment(name, change.amount, change.seconds)
        while self._values:
            name, stored = self._values.popitem()
            if stored.value is None:
                await self._store.delete(name)
            else:
                await self._store.set(name, stored.value, stored.seconds)

    def _publish(self, change: _Increment | _Value) -> None:
        self._channel.publish_now(_TOPIC, _encode(change))

    def _note_message(self, message: bytes) -> None:
        change = _decode(message)
        if isinstance(change, _Death):
            self._added_by_deaths += _ADDED_BY_DEATH
            return
        if isinstance(change, _Value):
            self._values[change.name] = change
            return
        earlier = self._increments.get(change.name)
        amount = change.amount + (earlier.amount if earlier else 0)
        self._increments[change.name] = _Increment(change.name, amount, change.seconds)


def publish_death(rings: SharedRings, number: int) -> None:
    """Let all other workers end what is stored: one died. For its parent, which writes to its ring now."""
    for message in (_TOPIC + _encode(_Death()), MAIN_TOPIC + MESSAGES_LOST):
        rings.append(number, message)
