"""What the handlers around one upstream keep of its practices and callers, side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.exchange import Site
from gateway.http.callers import CallerNames
from gateway.paging.page_size import PageSizeEstimate
from gateway.paging.page_sizer import PageSizer
from gateway.resilience.bulkhead import Bulkhead
from gateway.resilience.circuit import Circuit
from gateway.resilience.circuit_breaker import CircuitRegistry
from gateway.resilience.pause_rules import Pause, PauseRule, site_of
from gateway.resilience.pauses import PauseRegistry
from gateway.resilience.rate_limiter import RateLimiter
from gateway.resilience.rate_limits import RateLimits
from gateway.resilience.retry_budget import RetryBudget, RetryUsage
from gateway.sites.relocation import SiteRelocation


@dataclass(frozen=True, slots=True)
class UpstreamHandlers:
    """What the handlers around one upstream keep; rests, pauses and budgets are shared by all upstreams."""

    upstream: str
    circuits: CircuitRegistry
    pauses: PauseRegistry
    rate_limits: RateLimits
    retry_budget: RetryBudget
    rate_limiter: RateLimiter
    bulkhead: Bulkhead
    site_relocation: SiteRelocation
    page_sizer: PageSizer
    caller_names: CallerNames


#: Name of a circuit among what a reset ends; pauses have names with a colon.
CIRCUIT = "circuit"


class SiteStatus(NamedTuple):
    """How one practice is; `running` and `waiting` are exchanges of this process."""

    guid: str
    name: str
    is_configured: bool
    circuit: Circuit
    pauses: Mapping[str, Pause]
    retry_usage: RetryUsage
    successor: str
    page_size_estimates: Mapping[str, PageSizeEstimate]
    in_flight: int
    queue_length: int


class KeyStatus(NamedTuple):
    """How fast one subscription key may ask (requests a second; None: no limit), and seconds it may not."""

    upstream: str
    caller: str
    requests_per_second: float | None
    blocked_seconds: float
    queue_length: int


class SiteStatusReader:
    """The practices that are configured, and others in trouble, over all upstreams of Halo Connect."""

    def __init__(
        self,
        upstream_handlers: Sequence[UpstreamHandlers],
        configured_guids: Iterable[str] = (),
        find_site: Callable[[str], Site | None] = lambda _: None,
    ) -> None:
        self._upstream_handlers = upstream_handlers
        self._configured_guids = frozenset(configured_guids)
        self._find_site = find_site

    @property
    def _first_upstream(self) -> UpstreamHandlers:
        return self._upstream_handlers[0]

    def now(self) -> float:
        """Seconds since 1970, by the clock of the rests."""
        return self._first_upstream.circuits.now()

    @property
    def pause_rules(self) -> Sequence[PauseRule]:
        """The rules that pause, the operator's first."""
        return self._first_upstream.pauses.rules

    def site_name(self, guid: str) -> str:
        """The alias of a practice, or the beginning of its GUID."""
        site = self._find_site(guid)
        return site.name if site else guid[:8]

    def caller_name(self, key: str) -> str:
        """A name for a caller by the hash of its credentials."""
        names = (watch.caller_names.name_of(key) for watch in self._upstream_handlers)
        return next((name for name in names if name != key[:8]), key[:8])

    async def pauses(self) -> dict[str, Pause]:
        """The pauses in force by name."""
        return await self._first_upstream.pauses.active_pauses()

    async def circuits(self) -> dict[str, Circuit]:
        """The practices in trouble, by GUID."""
        met = {site for watch in self._upstream_handlers for site in await watch.circuits.troubled_circuits()}
        return await self._first_upstream.circuits.troubled_circuits(met | self._configured_guids)

    def load(self) -> dict[str, tuple[int, int]]:
        """By GUID: exchanges under way, and requests that wait; configured practices always."""
        found = dict.fromkeys(self._configured_guids, (0, 0))
        for watch in self._upstream_handlers:
            for guid, (running, waiting) in watch.bulkhead.load_by_site().items():
                before = found.get(guid, (0, 0))
                found[guid] = before[0] + running, before[1] + waiting
        return found

    async def retry_usage(self) -> dict[str, RetryUsage]:
        """The budgets of retries of practices that had some lately, by GUID."""
        retried = {site for watch in self._upstream_handlers for site in watch.retry_budget.retried_sites()}
        return {site: await self._first_upstream.retry_budget.usage_of(site) for site in sorted(retried)}

    async def site_statuses(self, only_guid: str = "") -> list[SiteStatus]:
        """The state of every practice, or of one."""
        rests, pauses, load = await self.circuits(), await self.pauses(), self.load()
        fits = {
            name: guid
            for watch in self._upstream_handlers
            for guid, name in watch.page_sizer.known_searches()
        }
        paused = {site_of(name) for name in pauses}
        known = {*self._configured_guids, *rests, *load, *paused, *fits.values()} - {""}
        wanted = {only_guid} if only_guid else known
        return [
            SiteStatus(
                guid,
                self.site_name(guid),
                guid in self._configured_guids,
                rests.get(guid, Circuit()),
                {name: pause for name, pause in pauses.items() if site_of(name) == guid},
                await self._first_upstream.retry_budget.usage_of(guid),
                await self._first_upstream.site_relocation.known_successor(guid),
                {
                    name.rpartition(":")[2]: await self._page_size_estimate(name)
                    for name, site in fits.items()
                    if site == guid
                },
                *load.get(guid, (0, 0)),
            )
            for guid in sorted(wanted)
        ]

    async def key_statuses(self) -> list[KeyStatus]:
        """The state of every subscription key that this process has met lately."""
        return [
            KeyStatus(
                watch.upstream,
                self.caller_name(key),
                await watch.rate_limits.current_rate(key),
                await watch.rate_limits.blocked_seconds(key),
                watch.rate_limiter.queue_lengths().get(key, 0),
            )
            for watch in self._upstream_handlers
            for key in watch.rate_limits.keys()  # noqa: SIM118 - no dictionary
        ]

    async def reset_site(self, guid: str, pause: str = "") -> list[str]:
        """End a practice's rest and pauses, or one pause; what was ended: `rest`, names of pauses."""
        if pause:
            return [pause] if await self._clear_pause(pause) else []
        resting = [CIRCUIT] if guid in await self.circuits() else []
        for watch in self._upstream_handlers:
            await watch.circuits.close_circuit(guid)
        names = [name for name in await self.pauses() if site_of(name) == guid]
        return [*resting, *[name for name in names if await self._clear_pause(name)]]

    async def _clear_pause(self, name: str) -> bool:
        return any([await watch.pauses.clear_pause(name) for watch in self._upstream_handlers])

    async def _page_size_estimate(self, name: str) -> PageSizeEstimate:
        return await self._first_upstream.page_sizer.estimate_for(name)
