"""What the handlers around one upstream keep of its practices and callers, side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cachetools import LRUCache

from gateway.exchange import Site
from gateway.paging.page_size import Fit
from gateway.paging.page_sizer import Resized
from gateway.resilience.bulkhead import Bounded
from gateway.resilience.circuit import Rest
from gateway.resilience.circuit_breaker import Rests
from gateway.resilience.pause_rules import Pause, Rule, scoped_to
from gateway.resilience.pauses import Pauses
from gateway.resilience.rate_limiter import Paced
from gateway.resilience.rate_limits import Rates
from gateway.resilience.retry_budget import Spending, Spent
from gateway.sites.relocation import Relocated

#: Names of callers that are remembered; the one used longest ago goes first.
_CALLERS = 1_000


@dataclass
class Callers:
    """Names that are safe to show, by the keyed hash of a caller's credentials."""

    _names: LRUCache[str, str] = field(default_factory=lambda: LRUCache(_CALLERS))

    def note(self, key: str, name: str) -> None:
        """Remember the name of one who asks."""
        self._names[key] = name

    def name(self, key: str) -> str:
        """The name of a caller, or the beginning of the hash."""
        return self._names.get(key, key[:8])


@dataclass(frozen=True, slots=True)
class Watch:
    """What the handlers around one upstream keep; rests, pauses and budgets are shared by all upstreams."""

    upstream: str
    rests: Rests
    pauses: Pauses
    rates: Rates
    spending: Spending
    paced: Paced
    bounded: Bounded
    relocated: Relocated
    resized: Resized
    callers: Callers


class SiteState(NamedTuple):
    """How one practice is; `running` and `waiting` are exchanges of this process."""

    guid: str
    name: str
    configured: bool
    rest: Rest
    pauses: Mapping[str, Pause]
    spent: Spent
    successor: str
    fits: Mapping[str, Fit]
    running: int
    waiting: int


class KeyState(NamedTuple):
    """How fast one subscription key may ask (requests a second; None: no limit), and seconds it may not."""

    upstream: str
    caller: str
    rate: float | None
    blocked: float
    waiting: int


class States:
    """The practices that are configured, and others in trouble, over all upstreams of Halo Connect."""

    def __init__(
        self,
        watches: Sequence[Watch],
        configured: Iterable[str] = (),
        sites: Callable[[str], Site | None] = lambda _: None,
    ) -> None:
        self._watches = watches
        self._configured = frozenset(configured)
        self._sites = sites

    @property
    def _first(self) -> Watch:
        return self._watches[0]

    def now(self) -> float:
        """Seconds since 1970, by the clock of the rests."""
        return self._first.rests.now()

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that pause, the operator's first."""
        return self._first.pauses.rules

    def name(self, guid: str) -> str:
        """The alias of a practice, or the beginning of its GUID."""
        site = self._sites(guid)
        return site.name if site else guid[:8]

    def caller(self, key: str) -> str:
        """A name for a caller by the hash of its credentials."""
        names = (watch.callers.name(key) for watch in self._watches)
        return next((name for name in names if name != key[:8]), key[:8])

    async def pauses(self) -> dict[str, Pause]:
        """The pauses in force by name."""
        return await self._first.pauses.every()

    async def rests(self) -> dict[str, Rest]:
        """The practices in trouble, by GUID."""
        met = {site for watch in self._watches for site in await watch.rests.every()}
        return await self._first.rests.every(met | self._configured)

    def load(self) -> dict[str, tuple[int, int]]:
        """By GUID: exchanges under way, and requests that wait; configured practices always."""
        found = dict.fromkeys(self._configured, (0, 0))
        for watch in self._watches:
            for guid, (running, waiting) in watch.bounded.load().items():
                before = found.get(guid, (0, 0))
                found[guid] = before[0] + running, before[1] + waiting
        return found

    async def spent(self) -> dict[str, Spent]:
        """The budgets of retries of practices that had some lately, by GUID."""
        retried = {site for watch in self._watches for site in watch.spending.retried()}
        return {site: await self._first.spending.of(site) for site in sorted(retried)}

    async def sites(self, only: str = "") -> list[SiteState]:
        """The state of every practice, or of one."""
        rests, pauses, load = await self.rests(), await self.pauses(), self.load()
        fits = {name: guid for watch in self._watches for guid, name in watch.resized.learned()}
        paused = {scoped_to(name) for name in pauses}
        known = {*self._configured, *rests, *load, *paused, *fits.values()} - {""}
        wanted = {only} if only else known
        return [
            SiteState(
                guid,
                self.name(guid),
                guid in self._configured,
                rests.get(guid, Rest()),
                {name: pause for name, pause in pauses.items() if scoped_to(name) == guid},
                await self._first.spending.of(guid),
                await self._first.relocated.successor(guid),
                {
                    name.rpartition(":")[2]: await self._fit(name)
                    for name, site in fits.items()
                    if site == guid
                },
                *load.get(guid, (0, 0)),
            )
            for guid in sorted(wanted)
        ]

    async def keys(self) -> list[KeyState]:
        """The state of every subscription key that this process has met lately."""
        return [
            KeyState(
                watch.upstream,
                self.caller(key),
                await watch.rates.of(key),
                await watch.rates.blocked(key),
                watch.paced.waiting().get(key, 0),
            )
            for watch in self._watches
            for key in watch.rates.keys()  # noqa: SIM118 - no dictionary
        ]

    async def lift(self, guid: str, pause: str = "") -> list[str]:
        """End a practice's rest and pauses, or one pause; what was ended: `rest`, names of pauses."""
        if pause:
            return [pause] if await self._lifted(pause) else []
        resting = ["rest"] if guid in await self.rests() else []
        for watch in self._watches:
            await watch.rests.lift(guid)
        names = [name for name in await self.pauses() if scoped_to(name) == guid]
        return [*resting, *[name for name in names if await self._lifted(name)]]

    async def _lifted(self, name: str) -> bool:
        return any([await watch.pauses.lift(name) for watch in self._watches])

    async def _fit(self, name: str) -> Fit:
        return await self._first.resized.fit(name)
