"""Invalidation counters: a write increments them, and responses fetched under older values are not served."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from secrets import randbelow
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.cache.freshness import ANY_TYPE
from gateway.stores.base import Store
from gateway.stores.channel import MESSAGES_LOST, Channel, NoChannel
from gateway.stores.single_flight import SingleFlight

#: Seconds that a counter is stored after its last use: longer than any response that depends on it.
COUNTER_SECONDS = 172_800.0
#: Tag of the counter of all writes at a site.
_SITE_WIDE = "all"
#: Largest increment: 2**32 writes fit into the store's 64 bits.
_MAX_INCREMENT = 2**31
#: Number of reads that may continue after their callers have cancelled: practically all, they are short.
_MAX_DETACHED_READS = 1_000
#: Message: drop all marks.
_EVERYTHING = b"*"
#: Most tags of a message, and characters of a name.
_MAX_TAGS, _MAX_NAME = 1_000, 200
_Name = Annotated[str, Meta(max_length=_MAX_NAME)]
_encode_message = msgspec.msgpack.Encoder().encode
#: Site and tags of a message of another process.
_decode_message = msgspec.msgpack.Decoder(
    tuple[_Name, Annotated[list[_Name], Meta(max_length=_MAX_TAGS)]]
).decode


class Generation:
    """A number that each invalidation changes: what was checked under the same number is still valid."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class InvalidationCounters:
    """Counts writes per site and tag (resource type or patient), in the store and as marks in memory.

    The store's counters include the writes of all replicas, the marks only those of this process.

    `is_shared`: replicas share the store, so concurrent reads of a site's counter are coalesced into one read
    that begins after all its callers have called. `max_local_marks` limits the marks in memory. `channel`
    tells the other processes of each write, as marks, and this one of theirs.
    """

    def __init__(
        self,
        store: Store,
        *,
        is_shared: bool = False,
        max_local_marks: int = 100_000,
        channel: Channel | None = None,
    ) -> None:
        self._store = store
        self._shared_reads = SingleFlight[int](_MAX_DETACHED_READS) if is_shared else None
        self._max_local_marks = max_local_marks
        self._local_mark_by_tag: dict[tuple[str, str], int] = {}
        self._default_mark = 0
        self._channel = channel or NoChannel()
        self._channel.set_listener(self._apply_message)
        #: Its number is that of the last write.
        self.generation = Generation()

    def local_marks(self, site: str, tags: Iterable[str]) -> tuple[int, ...]:
        """Return this process's marks; a changed mark means a write, without a read of the store."""
        marked_tags = {_SITE_WIDE} if ANY_TYPE in tags else {*tags, ANY_TYPE}
        return tuple(self._local_mark((site, tag)) for tag in sorted(marked_tags))

    def local_change_check(self, site: str) -> Callable[[], bool]:
        """Return a function: whether this process has not written to the site since this call."""
        site_and_tag = (site, _SITE_WIDE)
        mark = self._local_mark(site_and_tag)
        return lambda: self._local_mark(site_and_tag) == mark

    async def snapshot(self, site: str, tags: Iterable[str]) -> dict[str, int]:
        """Read the counters that a response with these tags depends on; call before the upstream request."""
        own_tags = () if ANY_TYPE in tags else sorted({*tags, ANY_TYPE})
        return {tag: await self._add_to_counter(site, tag, 0) for tag in (_SITE_WIDE, *own_tags)}

    async def is_current(self, site: str, counters: Mapping[str, int]) -> bool:
        """Whether no write has incremented these counters since; one read if the site had no write at all."""
        if await self._read_site_counter(site) == counters.get(_SITE_WIDE):
            return True
        tags = [tag for tag in counters if tag != _SITE_WIDE]
        return bool(tags) and all([await self._add_to_counter(site, tag, 0) == counters[tag] for tag in tags])

    async def confirm(
        self, site: str, counters: Mapping[str, int], tags: Iterable[str]
    ) -> Mapping[str, int] | None:
        """Return the counters plus those of tags that only the response showed; None after a write.

        A counter that is read now has its earlier value only if the site had no write at all since.
        """
        new_tags = [tag for tag in tags if tag not in counters] if len(counters) > 1 else []
        new_counters = {tag: await self._add_to_counter(site, tag, 0) for tag in new_tags}
        if await self._add_to_counter(site, _SITE_WIDE, 0) == counters[_SITE_WIDE]:
            return {**counters, **new_counters}
        return counters if not new_counters and await self.is_current(site, counters) else None

    async def increment(self, site: str, tags: Iterable[str]) -> None:
        """Invalidate the responses that depend on these tags; `*`: on any type of the site.

        The increment is random, so that a counter evicted by a full store does not reach its old value again.
        Other processes are told when the store has it.
        """
        all_tags = (*tags, _SITE_WIDE)
        for tag in all_tags:
            self._record_local_write((site, tag))
            await self._add_to_counter(site, tag, 1 + randbelow(_MAX_INCREMENT))
        await self._channel.publish(_message(site, all_tags))

    async def invalidate_everywhere(self) -> None:
        """Drop all marks, here and elsewhere: some writes were unknown, such as in an outage of the store."""
        self._drop_marks()
        await self._channel.publish(_EVERYTHING)

    async def _read_site_counter(self, site: str) -> int:
        read = partial(self._add_to_counter, site, _SITE_WIDE, 0)
        if self._shared_reads is None:
            return await read()
        return (await self._shared_reads.run(site, read, lambda: None, require_new=True))[0]

    def _local_mark(self, site_and_tag: tuple[str, str]) -> int:
        """Return the number of the last write; for a dropped mark, a number above all its earlier ones."""
        return self._local_mark_by_tag.get(site_and_tag, self._default_mark)

    def _record_local_write(self, site_and_tag: tuple[str, str]) -> None:
        self.generation.number += 1
        self._local_mark_by_tag[site_and_tag] = self.generation.number
        if len(self._local_mark_by_tag) > self._max_local_marks:
            self._drop_marks()

    def _drop_marks(self) -> None:
        self.generation.number += 1
        self._local_mark_by_tag.clear()
        self._default_mark = self.generation.number

    def _apply_message(self, message: bytes) -> None:
        """Mark the writes of another process, or drop all marks if some are unknown; ignore other bytes."""
        if message in (MESSAGES_LOST, _EVERYTHING):
            self._drop_marks()
            return
        try:
            site, tags = _decode_message(message)
        except msgspec.DecodeError:
            return
        for tag in tags:
            self._record_local_write((site, tag))

    async def _add_to_counter(self, site: str, tag: str, amount: int) -> int:
        return await self._store.increment(f"counter/{site}/{tag}", amount, COUNTER_SECONDS)


def _message(site: str, tags: Sequence[str]) -> bytes:
    """Return the message of a write; with more or longer tags than others read: of any type of the site."""
    is_short = len(tags) <= _MAX_TAGS and max(map(len, tags)) <= _MAX_NAME
    return _encode_message((site, tags if is_short else (ANY_TYPE, _SITE_WIDE)))
