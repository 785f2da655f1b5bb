"""Counters that a write raises: an answer fetched under older ones is never served again."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from secrets import randbelow

from gateway.cache.freshness import ANY_TYPE
from gateway.stores.base import Store
from gateway.stores.single_flight import SingleFlight

#: Seconds a counter outlives its last use: longer than anything that is kept under it.
COUNTER_SECONDS = 172_800.0
#: Counts every write at a site.
_SITE_WIDE = "all"
#: Writes of a counter's life that fit into 64 bits: more than anybody will make.
_MAX_INCREMENT = 2**31
#: Looks that may go on when nobody waits for them: all, they are short.
_MAX_DETACHED_READS = 1_000


class InvalidationCounters:
    """The writes seen at each site and type: by every replica in the store, by this process in memory.

    `shared`: the store is not this process's own, and all who ask it about a site during one look share the
    next, which begins after they asked. `most` types of sites are remembered here.
    """

    def __init__(self, store: Store, *, is_shared: bool = False, max_local_marks: int = 100_000) -> None:
        self._store = store
        self._shared_reads = SingleFlight[int](_MAX_DETACHED_READS) if is_shared else None
        self._max_local_marks = max_local_marks
        self._local_mark_by_tag: dict[tuple[str, str], int] = {}
        self._write_count = self._default_mark = 0

    def local_marks(self, site: str, tags: Iterable[str]) -> tuple[int, ...]:
        """Marks of this process: what changed since means a write that nobody has to be asked about."""
        wanted = {_SITE_WIDE} if ANY_TYPE in tags else {*tags, ANY_TYPE}
        return tuple(self._local_mark((site, each)) for each in sorted(wanted))

    def local_change_check(self, site: str) -> Callable[[], bool]:
        """A question for later: whether nothing at all was written at a site through this process since."""
        name, now = (site, _SITE_WIDE), self._local_mark((site, _SITE_WIDE))
        return lambda: self._local_mark(name) == now

    async def snapshot(self, site: str, tags: Iterable[str]) -> dict[str, int]:
        """The counters that an answer about these types depends on, read before it is asked for."""
        wanted = () if ANY_TYPE in tags else sorted({*tags, ANY_TYPE})
        return {each: await self._add_to_counter(site, each, 0) for each in (_SITE_WIDE, *wanted)}

    async def is_current(self, site: str, counters: Mapping[str, int]) -> bool:
        """Whether no write has touched any of them since; one look where nothing at all was written."""
        if await self._read_site_counter(site) == counters.get(_SITE_WIDE):
            return True
        others = [each for each in counters if each != _SITE_WIDE]
        return bool(others) and all(
            [await self._add_to_counter(site, each, 0) == counters[each] for each in others]
        )

    async def confirm(
        self, site: str, counters: Mapping[str, int], tags: Iterable[str]
    ) -> Mapping[str, int] | None:
        """The counters with those of types that only the answer showed; None when a write came between.

        A counter read now is what it was before only if nothing at all was written since.
        """
        shown = [each for each in tags if each not in counters] if len(counters) > 1 else []
        more = {each: await self._add_to_counter(site, each, 0) for each in shown}
        if await self._add_to_counter(site, _SITE_WIDE, 0) == counters[_SITE_WIDE]:
            return {**counters, **more}
        return counters if not more and await self.is_current(site, counters) else None

    async def increment(self, site: str, tags: Iterable[str]) -> None:
        """Make stale what depends on these types; `*`: on any type of the site.

        By any amount: a counter that a full store has dropped must not come to where it was.
        """
        for each in (*tags, _SITE_WIDE):
            self._record_local_write((site, each))
            await self._add_to_counter(site, each, 1 + randbelow(_MAX_INCREMENT))

    async def _read_site_counter(self, site: str) -> int:
        look = partial(self._add_to_counter, site, _SITE_WIDE, 0)
        if self._shared_reads is None:
            return await look()
        return (await self._shared_reads.run(site, look, lambda: None, require_new=True))[0]

    def _local_mark(self, site_and_tag: tuple[str, str]) -> int:
        """The number of the last write; of what is forgotten, a later one than any mark that it had."""
        return self._local_mark_by_tag.get(site_and_tag, self._default_mark)

    def _record_local_write(self, site_and_tag: tuple[str, str]) -> None:
        self._write_count += 1
        self._local_mark_by_tag[site_and_tag] = self._write_count
        if len(self._local_mark_by_tag) > self._max_local_marks:
            self._local_mark_by_tag.clear()
            self._default_mark = self._write_count

    async def _add_to_counter(self, site: str, tag: str, amount: int) -> int:
        return await self._store.increment(f"generation/{site}/{tag}", amount, COUNTER_SECONDS)
