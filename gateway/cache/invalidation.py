"""Counters that a write raises: an answer fetched under older ones is never served again."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from secrets import randbelow

from gateway.cache.freshness import ANY_TYPE
from gateway.stores.base import Store
from gateway.stores.single_flight import Flights

#: Seconds a counter outlives its last use: longer than anything that is kept under it.
KEPT = 172_800.0
#: Counts every write at a site.
_ALL = "all"
#: Writes of a counter's life that fit into 64 bits: more than anybody will make.
_STEP = 2**31
#: Looks that may go on when nobody waits for them: all, they are short.
_ALONE = 1_000


class Generations:
    """The writes seen at each site and type: by every replica in the store, by this process in memory.

    `shared`: the store is not this process's own, and all who ask it about a site during one look share the
    next, which begins after they asked. `most` types of sites are remembered here.
    """

    def __init__(self, store: Store, *, shared: bool = False, most: int = 100_000) -> None:
        self._store = store
        self._looks = Flights[int](_ALONE) if shared else None
        self._most = most
        self._here: dict[tuple[str, str], int] = {}
        self._writes = self._forgotten = 0

    def here(self, site: str, types: Iterable[str]) -> tuple[int, ...]:
        """Marks of this process: what changed since means a write that nobody has to be asked about."""
        wanted = {_ALL} if ANY_TYPE in types else {*types, ANY_TYPE}
        return tuple(self._mark((site, each)) for each in sorted(wanted))

    def unchanged(self, site: str) -> Callable[[], bool]:
        """A question for later: whether nothing at all was written at a site through this process since."""
        name, now = (site, _ALL), self._mark((site, _ALL))
        return lambda: self._mark(name) == now

    async def read(self, site: str, types: Iterable[str]) -> dict[str, int]:
        """The counters that an answer about these types depends on, read before it is asked for."""
        wanted = () if ANY_TYPE in types else sorted({*types, ANY_TYPE})
        return {each: await self._add(site, each, 0) for each in (_ALL, *wanted)}

    async def current(self, site: str, read: Mapping[str, int]) -> bool:
        """Whether no write has touched any of them since; one look where nothing at all was written."""
        if await self._total(site) == read.get(_ALL):
            return True
        others = [each for each in read if each != _ALL]
        return bool(others) and all([await self._add(site, each, 0) == read[each] for each in others])

    async def completed(
        self, site: str, before: Mapping[str, int], types: Iterable[str]
    ) -> Mapping[str, int] | None:
        """The counters with those of types that only the answer showed; None when a write came between.

        A counter read now is what it was before only if nothing at all was written since.
        """
        shown = [each for each in types if each not in before] if len(before) > 1 else []
        more = {each: await self._add(site, each, 0) for each in shown}
        if await self._add(site, _ALL, 0) == before[_ALL]:
            return {**before, **more}
        return before if not more and await self.current(site, before) else None

    async def raised(self, site: str, types: Iterable[str]) -> None:
        """Make stale what depends on these types; `*`: on any type of the site.

        By any amount: a counter that a full store has dropped must not come to where it was.
        """
        for each in (*types, _ALL):
            self._written((site, each))
            await self._add(site, each, 1 + randbelow(_STEP))

    async def _total(self, site: str) -> int:
        look = partial(self._add, site, _ALL, 0)
        if self._looks is None:
            return await look()
        return (await self._looks.shared(site, look, lambda: None, fresh=True))[0]

    def _mark(self, name: tuple[str, str]) -> int:
        """The number of the last write; of what is forgotten, a later one than any mark that it had."""
        return self._here.get(name, self._forgotten)

    def _written(self, name: tuple[str, str]) -> None:
        self._writes += 1
        self._here[name] = self._writes
        if len(self._here) > self._most:
            self._here.clear()
            self._forgotten = self._writes

    async def _add(self, site: str, type_: str, amount: int) -> int:
        return await self._store.add(f"generation/{site}/{type_}", amount, KEPT)
