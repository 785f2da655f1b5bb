"""Invalidation counters: a write increments them, and responses fetched under older values are not served."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from secrets import randbelow

from gateway.cache.freshness import ANY_TYPE
from gateway.stores.base import Store
from gateway.stores.single_flight import SingleFlight

#: Seconds that a counter is stored after its last use: longer than any response that depends on it.
COUNTER_SECONDS = 172_800.0
#: Tag of the counter of all writes at a site.
_SITE_WIDE = "all"
#: Largest increment: 2**32 writes fit into the store's 64 bits.
_MAX_INCREMENT = 2**31
#: Number of reads that may continue after their callers have cancelled: practically all, they are short.
_MAX_DETACHED_READS = 1_000


class InvalidationCounters:
    """Counts writes per site and tag (resource type or patient), in the store and as marks in memory.

    The store's counters include the writes of all replicas, the marks only those of this process.

    `is_shared`: replicas share the store, so concurrent reads of a site's counter are coalesced into one read
    that begins after all its callers have called. `max_local_marks` limits the marks in memory.
    """

    def __init__(self, store: Store, *, is_shared: bool = False, max_local_marks: int = 100_000) -> None:
        self._store = store
        self._shared_reads = SingleFlight[int](_MAX_DETACHED_READS) if is_shared else None
        self._max_local_marks = max_local_marks
        self._local_mark_by_tag: dict[tuple[str, str], int] = {}
        self._write_count = self._default_mark = 0

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
        """
        for tag in (*tags, _SITE_WIDE):
            self._record_local_write((site, tag))
            await self._add_to_counter(site, tag, 1 + randbelow(_MAX_INCREMENT))

    async def _read_site_counter(self, site: str) -> int:
        read = partial(self._add_to_counter, site, _SITE_WIDE, 0)
        if self._shared_reads is None:
            return await read()
        return (await self._shared_reads.run(site, read, lambda: None, require_new=True))[0]

    def _local_mark(self, site_and_tag: tuple[str, str]) -> int:
        """Return the number of the last write; for a dropped mark, a number above all its earlier ones."""
        return self._local_mark_by_tag.get(site_and_tag, self._default_mark)

    def _record_local_write(self, site_and_tag: tuple[str, str]) -> None:
        self._write_count += 1
        self._local_mark_by_tag[site_and_tag] = self._write_count
        if len(self._local_mark_by_tag) > self._max_local_marks:
            self._local_mark_by_tag.clear()
            self._default_mark = self._write_count

    async def _add_to_counter(self, site: str, tag: str, amount: int) -> int:
        return await self._store.increment(f"counter/{site}/{tag}", amount, COUNTER_SECONDS)
