"""Invalidation counters: a write increments them, and responses fetched under older values are not served."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import inf
from secrets import randbelow
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from gateway.cache.freshness import ANY_TYPE
from gateway.cache.unshared_writes import CLOCK_SKEW_SECONDS, SITE_WIDE, UnsharedWrites
from gateway.stores.base import INVALIDATION_PREFIX, Store
from gateway.stores.channel import MESSAGES_LOST, Channel, NoChannel
from gateway.stores.single_flight import SingleFlight

#: Seconds that a counter is stored after its last use: longer than any response that depends on it.
COUNTER_SECONDS = 172_800.0
#: Seconds that a site's counter is stored for a request whose response is not stored yet: longer than
#: ordinary requests take. If it ends before, the response is not stored.
REQUEST_SECONDS: Final = 600.0
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


class _Write(msgspec.Struct, array_like=True, frozen=True):
    """A write of another process, and whether the store that replicas share counts it already."""

    site: _Name
    tags: Annotated[list[_Name], Meta(max_length=_MAX_TAGS)]
    is_counted: bool = True


_decode_message = msgspec.msgpack.Decoder(_Write).decode


class Snapshot(NamedTuple):
    """Counters before an upstream request; `missing`: tags whose counters the store does not have."""

    counters: Mapping[str, int]
    missing: tuple[str, ...] = ()

    @property
    def site_counter(self) -> int:
        """The counter of all writes at the site."""
        return self.counters[SITE_WIDE]


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
    tells the other processes of each write, as marks, and this one of theirs. `is_store_down`: whether a
    spare store is in use instead of the shared one. Then marks say more than counters, and what was requested
    before them, by `now` (seconds since 1970; without a clock: ever), is not served.
    """

    def __init__(
        self,
        store: Store,
        *,
        is_shared: bool = False,
        max_local_marks: int = 100_000,
        channel: Channel | None = None,
        is_store_down: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = lambda: inf,
    ) -> None:
        self._store = store
        self._shared_reads = SingleFlight[int | None](_MAX_DETACHED_READS) if is_shared else None
        self._max_local_marks = max_local_marks
        self._local_mark_by_tag: dict[tuple[str, str], int] = {}
        self._default_mark = 0
        self._is_store_down = is_store_down
        self._now = now
        self._unshared_writes = UnsharedWrites(max_local_marks)
        self._channel = channel or NoChannel()
        self._channel.set_listener(self._apply_message)
        #: Its number is that of the last write.
        self.generation = Generation()

    def local_marks(self, site: str, tags: Iterable[str]) -> tuple[int, ...]:
        """Return this process's marks; a changed mark means a write, without a read of the store."""
        marked_tags = {SITE_WIDE} if ANY_TYPE in tags else {*tags, ANY_TYPE}
        return tuple(self._local_mark((site, tag)) for tag in sorted(marked_tags))

    def local_change_check(self, site: str) -> Callable[[], bool]:
        """Return a function: whether this process has not written to the site since this call."""
        site_and_tag = (site, SITE_WIDE)
        mark = self._local_mark(site_and_tag)
        return lambda: self._local_mark(site_and_tag) == mark

    def uncounted_until(self, site: str, tags: Iterable[str]) -> float:
        """Return until when the store's counters may lack a write that this process knows of.

        A response with these tags that was requested up to then (seconds since 1970) is not served.
        """
        return self._unshared_writes.last_time(site, tags)

    async def snapshot(self, site: str, tags: Iterable[str]) -> Snapshot:
        """Read the counters that a response with these tags depends on; call before the upstream request.

        Nothing has proved the caller yet, so no counter is created but that of the site, for a short time.
        """
        own_tags = () if ANY_TYPE in tags else sorted({*tags, ANY_TYPE})
        counters = {SITE_WIDE: await self._add_to_counter(site, SITE_WIDE, 0, REQUEST_SECONDS)}
        for tag in own_tags:
            if (number := await self._read_counter(site, tag)) is not None:
                counters[tag] = number
        return Snapshot(counters, tuple(tag for tag in own_tags if tag not in counters))

    async def is_current(self, site: str, counters: Mapping[str, int]) -> bool:
        """Whether no write has incremented these counters since; one read if the site had no write at all."""
        number = await self._read_site_counter(site)
        if number is not None and number == counters.get(SITE_WIDE):
            return True
        tags = [tag for tag in counters if tag != SITE_WIDE]
        return bool(tags) and all([await self._read_counter(site, tag) == counters[tag] for tag in tags])

    async def confirm(self, site: str, snapshot: Snapshot, tags: Iterable[str]) -> Mapping[str, int] | None:
        """Return the counters of the snapshot and of all tags that it lacks; None after a write.

        These may be missing ones, and tags that only the response showed. A counter that is read now has
        its earlier value only if the site had no write at all since: a write increments its counter first.
        """
        counters, missing = snapshot
        is_of_any_type = not missing and len(counters) == 1
        new_tags = () if is_of_any_type else sorted({*missing, *tags} - counters.keys())
        new_counters = {tag: await self._add_to_counter(site, tag, 0) for tag in new_tags}
        if await self._add_to_counter(site, SITE_WIDE, 0) == counters[SITE_WIDE]:
            return {**counters, **new_counters}
        return counters if not new_counters and await self.is_current(site, counters) else None

    async def increment(self, site: str, tags: Iterable[str]) -> None:
        """Invalidate the responses that depend on these tags; `*`: on any type of the site.

        The site's counter is incremented first, see `confirm`. The marks change before and after: what is
        read in between may depend on a counter that is not incremented yet.

        The increment is random, so that a counter which a store has lost does not reach its old value again,
        wherever it begins. Other processes are told when the store has it.
        """
        all_tags = (SITE_WIDE, *tags)
        self._record_local_writes(site, all_tags)
        for tag in all_tags:
            await self._add_to_counter(site, tag, 1 + randbelow(_MAX_INCREMENT))
        self._record_local_writes(site, all_tags)
        is_counted = not self._is_store_down()
        if not is_counted:
            self._unshared_writes.note(site, all_tags, self._now())
        await self._channel.publish(_message(site, all_tags, is_counted=is_counted))

    async def invalidate_everywhere(self) -> None:
        """Drop all marks, here and elsewhere: some writes were unknown, such as in an outage of the store."""
        self._drop_marks()
        await self._channel.publish(_EVERYTHING)

    async def _read_site_counter(self, site: str) -> int | None:
        read = partial(self._read_counter, site, SITE_WIDE)
        if self._shared_reads is None:
            return await read()
        return (await self._shared_reads.run(site, read, lambda: None, max_age=0))[0]

    def _local_mark(self, site_and_tag: tuple[str, str]) -> int:
        """Return the number of the last write; for a dropped mark, a number above all its earlier ones."""
        return self._local_mark_by_tag.get(site_and_tag, self._default_mark)

    def _record_local_writes(self, site: str, tags: Iterable[str]) -> None:
        for tag in tags:
            self.generation.number += 1
            self._local_mark_by_tag[site, tag] = self.generation.number
        if len(self._local_mark_by_tag) > self._max_local_marks:
            self._drop_marks()

    def _drop_marks(self) -> None:
        self.generation.number += 1
        self._local_mark_by_tag.clear()
        self._default_mark = self.generation.number

    def _apply_message(self, message: bytes) -> None:
        """Mark the writes of another process, or drop all marks if some are unknown; ignore other bytes."""
        requested_until = self._now() + CLOCK_SKEW_SECONDS
        if message in (MESSAGES_LOST, _EVERYTHING):
            self._drop_marks()
            if self._is_store_down():
                self._unshared_writes.note_everywhere(requested_until)
            return
        try:
            write = _decode_message(message)
        except msgspec.DecodeError:
            return
        self._record_local_writes(write.site, write.tags)
        if not write.is_counted or self._is_store_down():
            self._unshared_writes.note(write.site, write.tags, requested_until)

    async def _read_counter(self, site: str, tag: str) -> int | None:
        return await self._store.read_invalidations(_counter_name(site, tag), COUNTER_SECONDS)

    async def _add_to_counter(
        self, site: str, tag: str, amount: int, seconds: float = COUNTER_SECONDS
    ) -> int:
        return await self._store.increment(_counter_name(site, tag), amount, seconds)


def _counter_name(site: str, tag: str) -> str:
    return f"{INVALIDATION_PREFIX}{site}/{tag}"


def _message(site: str, tags: Sequence[str], *, is_counted: bool) -> bytes:
    """Return the message of a write; with more or longer tags than others read: of any type of the site."""
    is_short = len(tags) <= _MAX_TAGS and max(map(len, tags)) <= _MAX_NAME
    return _encode_message(_Write(site, list(tags) if is_short else [ANY_TYPE, SITE_WIDE], is_counted))
