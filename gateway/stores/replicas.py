"""Replicas that share a store: who they are, and who uses the shared store at this moment.

A replica takes one of a fixed number of places in the store, and once a second sets its beat there to the
time, in milliseconds since 1970. A beat is a counter, and counters are not encrypted: a replica with other
keys is seen, too. While a replica uses its own memory instead of the store, its beat stands still: it then
misses what others change. Nobody can tell such a replica from a killed one, so both count as silent.

Host and process do not identify a replica: containers may share a host name, and each has a process 1.
Therefore each start holds its place under a random identity. Only the successor of a worker has that of its
predecessor: their parent knows that the predecessor has ended.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from secrets import token_hex
from time import monotonic, time
from typing import Final, NamedTuple, Protocol, Self
from zlib import crc32

from gateway.stores.base import BEAT_PREFIX, Store

#: Number of replicas in the table; each worker of `serve --workers` is one.
PLACES: Final = 128
#: Seconds between two beats, and number of beats for which a check waits for those of the others.
_BEAT_SECONDS: Final = 1.0
_BEATS_PER_CHECK, _POLLS_PER_BEAT = 2.5, 20
#: Seconds after its last beat for which a replica that did not end in order counts as one: it may serve on
#: without the store, for longer than a weekend, or it was killed, and then it must not be missed for ever.
FORGET_SECONDS: Final = 3 * 86_400.0
#: Beats between two times at which a process confirms its place, and reads the table in case the store ends.
_BEATS_PER_READING: Final = 30
_MAX_HOST_NAME: Final = 63
#: Beat of all replicas without a place.
_FURTHER: Final = f"{BEAT_PREFIX}further"
_READS_AT_ONCE: Final = 16
_FURTHER_REPLICAS: Final = f"replicas beyond the first {PLACES}"
_UNKNOWN_REPLICAS: Final = "replicas that started while the shared store was down"


class MissedReplica(NamedTuple):
    """A replica that a change has not reached.

    `reason`: `store-down` or `channel-down` of the process that makes the change, `silent` for a replica that
    does not use the shared store, `other-keys` for one that a purge of a patient cannot reach, `no-answer` of
    a worker.
    """

    replica: str
    reason: str


class Reach(NamedTuple):
    """Names of the replicas that a change has reached, and those that it has not.

    `with_other_keys`: those that a change has reached, unless it is found by a key that this process lacks.
    """

    reached: tuple[str, ...]
    missed: tuple[MissedReplica, ...] = ()
    with_other_keys: tuple[str, ...] = ()


class Replicas(Protocol):
    """The replicas that a change must reach."""

    async def check_reach(self) -> Reach:
        """Return whom the changes reach that this process made before the call."""
        ...


def process_name(worker: int = 0) -> str:
    """Return the name of this process for operators: host, process, and the worker if it is one of several.

    Others may have the same name, such as processes in containers with the host name of their machine.
    """
    host = socket.gethostname()[:_MAX_HOST_NAME]
    return f"{host} process {os.getppid()} worker {worker}" if worker else f"{host} process {os.getpid()}"


class NoReplicas:
    """A process that shares no store with others."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def check_reach(self) -> Reach:
        """Return this process."""
        return Reach((self._name,))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *problem: object) -> None:
        pass


class ReplicaTable:
    """The processes on one store; `async with` takes and leaves the place of this one.

    `identity`: that of no other process that runs; a random one if empty. `is_store_down`: whether this
    process uses its own memory instead. `has_unsent`: whether messages to the others still wait to be sent.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        identity: str,
        is_store_down: Callable[[], bool],
        has_unsent: Callable[[], bool] = lambda: False,
        beat_seconds: float = _BEAT_SECONDS,
    ) -> None:
        self._store = store
        self._name = name
        self._identity = identity or token_hex(16)
        self._is_store_down = is_store_down
        self._has_unsent = has_unsent
        self._beat_seconds = beat_seconds
        self._place: int | None = None
        self._known: dict[int, str] = {}
        #: Places of replicas whose names this process cannot decrypt.
        self._places_with_other_keys: frozenset[int] = frozenset()
        self._task: asyncio.Task[None] | None = None

    async def check_reach(self) -> Reach:
        """Return whom the changes reach that this process made before the call; takes at most 2.5 seconds.

        A change reaches a replica that uses the shared store after it, once no message waits to be sent.
        """
        beats = {} if self._is_store_down() else await self._read_beats(range(PLACES))
        if not self._is_store_down():
            await self._learn_names(beats)
        beats = {place: beat for place, beat in beats.items() if place != self._place}
        silent = await self._wait_for_beats(beats)
        if self._is_store_down():
            names = [*self._other_names(), _UNKNOWN_REPLICAS]
            return Reach((self._name,), tuple(MissedReplica(name, "store-down") for name in names))
        further = [MissedReplica(_FURTHER_REPLICAS, "silent")] if await self._has_further() else []
        if self._has_unsent():
            missed = [MissedReplica(name, "channel-down") for name in self._other_names()]
            return Reach((self._name,), (*missed, *further))
        missed = [MissedReplica(self._known[place], "silent") for place in sorted(silent)]
        others = [place for place in sorted(self._known) if place not in {*silent, self._place}]
        named = [self._known[place] for place in others if place not in self._places_with_other_keys]
        unnamed = tuple(self._known[place] for place in others if place in self._places_with_other_keys)
        return Reach((self._name, *named), (*missed, *further), unnamed)

    async def __aenter__(self) -> Self:
        await self._take_place()
        if not self._is_store_down():  # before it serves: changes elsewhere must wait for this process, too
            await self._beat_once()
        self._task = asyncio.get_running_loop().create_task(self._beat_forever())
        return self

    async def __aexit__(self, *problem: object) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._place is not None and await self._hold(self._place):
            beat = _beat(self._place)
            await self._store.increment(beat, -await self._read_beat(beat), FORGET_SECONDS)
            await self._store.delete(_label(self._place))
            await self._store.release_lock(_lock(self._place), self._identity)

    async def _beat_forever(self) -> None:
        count = 0
        while True:
            if self._is_store_down():
                count = 0  # another process may have the place by the time that the store is back
            else:
                if count % _BEATS_PER_READING == 0:
                    await self._take_place()
                    await self._learn_names(await self._read_beats(range(PLACES)))
                await self._beat_once()
                count += 1
            await asyncio.sleep(self._beat_seconds)

    async def _beat_once(self) -> None:
        name = _FURTHER if self._place is None else _beat(self._place)
        await self._store.increment(name, _milliseconds() - await self._read_beat(name), FORGET_SECONDS)

    async def _take_place(self) -> None:
        """Keep the place, that of a predecessor with the same identity, or take a free one."""
        first = crc32(self._name.encode()) if self._place is None else self._place
        for place in ((first + offset) % PLACES for offset in range(PLACES)):
            if await self._hold(place):
                await self._store.set(_label(place), self._name.encode(), 2 * FORGET_SECONDS)
                self._place = place
                return
        self._place = None

    async def _hold(self, place: int) -> bool:
        """Lock a place, or keep the lock; return whether this process has it."""
        return await self._store.acquire_lock(_lock(place), self._identity, FORGET_SECONDS)

    async def _learn_names(self, beats: dict[int, int]) -> None:
        labels = {place: await self._store.get(_label(place)) for place in beats}
        if self._is_store_down():
            return
        self._places_with_other_keys = frozenset(place for place, label in labels.items() if not label)
        self._known = {
            place: label.decode() if label else f"replica {place} with other cache.keys"
            for place, label in labels.items()
        }

    async def _wait_for_beats(self, beats: dict[int, int]) -> set[int]:
        """Wait until each of these beats has changed and all messages are sent; return the others."""
        end = monotonic() + _BEATS_PER_CHECK * self._beat_seconds
        while (beats or self._has_unsent()) and monotonic() < end and not self._is_store_down():
            await asyncio.sleep(self._beat_seconds / _POLLS_PER_BEAT)
            now = await self._read_beats(beats)
            for place in [each for each in beats if each not in now]:
                self._known.pop(place, None)  # it has ended
            beats = {place: beat for place, beat in beats.items() if now.get(place) == beat}
        return set(beats)

    async def _read_beats(self, places: Iterable[int]) -> dict[int, int]:
        """Return the beats of the places that are taken."""
        at_once = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(place: int) -> tuple[int, int]:
            async with at_once:
                return place, await self._read_beat(_beat(place))

        beats, oldest = await asyncio.gather(*map(read, places)), _milliseconds() - FORGET_SECONDS * 1_000
        return {place: beat for place, beat in beats if beat > oldest}

    async def _read_beat(self, name: str) -> int:
        return await self._store.increment(name, 0, FORGET_SECONDS)

    async def _has_further(self) -> bool:
        return await self._read_beat(_FURTHER) > _milliseconds() - FORGET_SECONDS * 1_000

    def _other_names(self) -> list[str]:
        return [name for place, name in sorted(self._known.items()) if place != self._place]


def _milliseconds() -> int:
    return round(time() * 1_000)


def _beat(place: int) -> str:
    return f"{BEAT_PREFIX}{place}/beat"


def _label(place: int) -> str:
    return f"{BEAT_PREFIX}{place}/name"


def _lock(place: int) -> str:
    return f"{BEAT_PREFIX}{place}/lock"
