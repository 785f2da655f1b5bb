"""Status of sites and keys, read from the handlers of all upstreams of Halo Connect."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from gateway.exchange import Site
from gateway.http.callers import CallerNames
from gateway.paging.page_size import PageSizeEstimate
from gateway.paging.page_sizer import NO_ESTIMATE, PageSizer
from gateway.repairs import KNOWN_ISSUES
from gateway.resilience.bulkhead import Bulkhead
from gateway.resilience.circuit import CLOSED, Circuit, worse_circuit
from gateway.resilience.circuit_breaker import CircuitRegistry
from gateway.resilience.learned_rate import LearnedRate
from gateway.resilience.pause_rules import RATE_LIMIT, Pause, PauseRule, site_of
from gateway.resilience.pauses import PauseRegistry
from gateway.resilience.rate_limiter import RateLimiter
from gateway.resilience.rate_limits import RateLimits, caller_part
from gateway.resilience.retry_budget import RetryBudget, RetryUsage
from gateway.sites.issue_states import IssueStates, SiteIssues
from gateway.sites.relocation import SiteRelocation
from gateway.upstreams.failures import RATE_LIMITED

ISSUE_IDS = tuple(issue.id for issue in KNOWN_ISSUES)
_NO_MOUNTS: Mapping[str, Sequence[str]] = MappingProxyType({})


class PracticeHandlers(NamedTuple):
    """Handlers of Halo Connect only."""

    site_relocation: SiteRelocation
    page_sizer: PageSizer


@dataclass(frozen=True, slots=True)
class UpstreamHandlers:
    """State of the handlers of one upstream; `practices` is None if it is mounted and no Halo Connect."""

    upstream: str
    circuits: CircuitRegistry
    pauses: PauseRegistry
    rate_limits: RateLimits
    retry_budget: RetryBudget
    rate_limiter: RateLimiter
    bulkhead: Bulkhead
    caller_names: CallerNames
    issue_states: IssueStates
    practices: PracticeHandlers | None = None

    async def clear_pause(self, name: str) -> bool:
        """End a pause, or the block of a key; return whether it was active."""
        scope, _, key = name.partition(":")
        return await (
            self.rate_limits.end_block(key) if scope == RATE_LIMIT else self.pauses.clear_pause(name)
        )


#: Name of the circuit in the result of a reset; names of pauses contain a colon.
CIRCUIT = "circuit"


class SiteStatus(NamedTuple):
    """Status of one site; `in_flight` and `queue_length` are requests of this process."""

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
    known_issues: SiteIssues


class KeyStatus(NamedTuple):
    """Rate limit of one subscription key: requests per second (None: unlimited), seconds until the next."""

    upstream: str
    caller: str
    requests_per_second: float | None
    blocked_seconds: float
    queue_length: int


class SiteStatusReader:
    """Reads the status of all configured sites, and of other sites with an open circuit, pause or load.

    `mount_issue_ids`: the known issues of each upstream that is one site; a practice has all.
    """

    def __init__(
        self,
        upstream_handlers: Sequence[UpstreamHandlers],
        configured_guids: Iterable[str] = (),
        find_site: Callable[[str], Site | None] = lambda _: None,
        has_name: Callable[[str], bool] = lambda _: True,
        further_issue_ids: Iterable[str] = (),
        mount_issue_ids: Mapping[str, Sequence[str]] = _NO_MOUNTS,
    ) -> None:
        self._upstream_handlers = upstream_handlers
        self._practices = [handlers.practices for handlers in upstream_handlers if handlers.practices]
        self._configured_guids = frozenset(configured_guids)
        self.find_site = find_site
        self.has_name = has_name
        self.issue_ids = (*ISSUE_IDS, *further_issue_ids)
        self._mount_issue_ids = mount_issue_ids

    @property
    def _first_upstream(self) -> UpstreamHandlers:
        return self._upstream_handlers[0]

    def now(self) -> float:
        """Seconds since 1970, by the clock of the circuits."""
        return self._first_upstream.circuits.now()

    @property
    def pause_rules(self) -> Sequence[PauseRule]:
        """Pause rules, those of the operator first."""
        return self._first_upstream.pauses.rules

    def site_name(self, guid: str) -> str:
        """Alias of a site, or the beginning of its GUID."""
        site = self.find_site(guid)
        return site.name if site else guid[:8]

    def caller_name(self, key: str) -> str:
        """Name of a caller, by its keyed fingerprint."""
        key = caller_part(key)
        names = (handlers.caller_names.name_of(key) for handlers in self._upstream_handlers)
        return next((name for name in names if name != key[:8]), key[:8])

    async def pauses(self) -> dict[str, Pause]:
        """Active pauses of all upstreams by name, and the keys that an upstream's Retry-After blocks."""
        pauses: dict[str, Pause] = {}
        for handlers in self._upstream_handlers:
            pauses |= await handlers.pauses.active_pauses()
            pauses |= {
                f"{RATE_LIMIT}:{key}": _rate_limit_pause(rate)
                for key, rate in (await handlers.rate_limits.blocked_keys()).items()
            }
        return pauses

    async def circuits(self, only_guid: str = "") -> dict[str, Circuit]:
        """Circuits of the sites with failures, by GUID; of several upstreams the worst.

        With `only_guid`, of other sites only those that this process has seen.
        """
        circuits: dict[str, Circuit] = {}
        guids = (only_guid,) if only_guid else self._configured_guids
        for handlers in self._upstream_handlers:
            for guid, circuit in (await handlers.circuits.troubled_circuits(guids)).items():
                circuits[guid] = worse_circuit(circuits.get(guid, CLOSED), circuit)
        return circuits

    def load(self) -> dict[str, tuple[int, int]]:
        """Upstream requests in flight and queue length by GUID, for each configured or busy site."""
        load = dict.fromkeys(self._configured_guids, (0, 0))
        for handlers in self._upstream_handlers:
            for guid, (running, waiting) in handlers.bulkhead.load_by_site().items():
                total = load.get(guid, (0, 0))
                load[guid] = total[0] + running, total[1] + waiting
        return load

    async def retry_usage(self) -> dict[str, RetryUsage]:
        """Retry budgets of the sites with recent retries, by GUID."""
        sites = {site for each in self._upstream_handlers for site in each.retry_budget.retried_sites()}
        return {site: await self._retry_usage(site) for site in sorted(sites)}

    async def site_statuses(self, only_guid: str = "") -> list[SiteStatus]:
        """Status of all sites, or of one."""
        circuits, pauses, load = await self.circuits(only_guid), await self.pauses_by_site(), self.load()
        searches = self._searches_by_site()
        guids = {*self._configured_guids, *circuits, *load, *pauses, *searches} - {""}
        return [
            SiteStatus(
                guid,
                self.site_name(guid),
                guid in self._configured_guids,
                circuits.get(guid, CLOSED),
                pauses.get(guid, {}),
                await self._retry_usage(guid),
                await self._known_successor(guid),
                {
                    name.rpartition(":")[2]: await self._page_size_estimate(name)
                    for name in searches.get(guid, ())
                },
                *load.get(guid, (0, 0)),
                await self._site_issues(guid),
            )
            for guid in sorted({only_guid} if only_guid else guids)
        ]

    def known_engine(self, guid: str) -> tuple[str, int]:
        """Engine version of a site and the number of its broken issues, as this process knows them."""
        states = [handlers.issue_states for handlers in self._upstream_handlers]
        engines = filter(None, (each.local_version(guid) for each in states))
        return next(engines, ""), max(each.local_broken_count(guid) for each in states)

    def is_configured(self, guid: str) -> bool:
        """Whether a site is in the configuration."""
        return guid in self._configured_guids

    async def pauses_by_site(self) -> dict[str, dict[str, Pause]]:
        """Active pauses by site and name; those of no site under an empty GUID."""
        pauses: dict[str, dict[str, Pause]] = {}
        for name, pause in (await self.pauses()).items():
            pauses.setdefault(site_of(name), {})[name] = pause
        return pauses

    def _searches_by_site(self) -> dict[str, list[str]]:
        searches: dict[str, list[str]] = {}
        for practices in self._practices:
            for guid, name in practices.page_sizer.known_searches():
                searches.setdefault(guid, []).append(name)
        return searches

    async def key_statuses(self) -> list[KeyStatus]:
        """Status of each subscription key that this process has recently used.

        A key that the upstream has neither accepted nor limited is left out: clients make up keys.
        """
        return [
            KeyStatus(
                handlers.upstream,
                self.caller_name(key),
                await handlers.rate_limits.current_rate(key),
                await handlers.rate_limits.blocked_seconds(key),
                handlers.rate_limiter.queue_length(key),
            )
            for handlers in self._upstream_handlers
            for key in handlers.rate_limits.keys_among(handlers.caller_names.keys())
        ]

    async def reset_site(self, guid: str, pause: str = "") -> list[str]:
        """Close a site's circuit and clear its pauses, or clear one pause; returns `circuit`, pause names."""
        if pause:
            return [pause] if await self._clear_pause(pause) else []
        circuit = [CIRCUIT] if guid in await self.circuits() else []
        for handlers in self._upstream_handlers:
            await handlers.circuits.close_circuit(guid)
        names = [name for name in await self.pauses() if site_of(name) == guid]
        return [*circuit, *[name for name in names if await self._clear_pause(name)]]

    async def _clear_pause(self, name: str) -> bool:
        return any([await handlers.clear_pause(name) for handlers in self._upstream_handlers])

    async def _retry_usage(self, guid: str) -> RetryUsage:
        """Retries of the upstream that has repeated most."""
        usages = [await handlers.retry_budget.usage_of(guid) for handlers in self._upstream_handlers]
        return max(usages, key=lambda usage: usage.retries)

    def local_site_issues(self) -> Iterator[SiteIssues]:
        """States of the known issues as this process knows them, by upstream and site."""
        for handlers in self._upstream_handlers:
            yield from handlers.issue_states.local_site_issues(self._configured_guids, self.issue_ids)

    async def _site_issues(self, guid: str) -> SiteIssues:
        """States of the known issues at the upstream that has served the site, else unknown at the first."""
        ids = self._mount_issue_ids.get(guid, self.issue_ids)
        issues = [await handlers.issue_states.site_issues(guid, ids) for handlers in self._upstream_handlers]
        return next((each for each in issues if each.is_any_known), issues[0])

    async def _known_successor(self, guid: str) -> str:
        successors = [await practices.site_relocation.known_successor(guid) for practices in self._practices]
        return next(filter(None, successors), "")

    async def _page_size_estimate(self, name: str) -> PageSizeEstimate:
        estimates = [await practices.page_sizer.estimate_for(name) for practices in self._practices]
        return next((estimate for estimate in estimates if estimate != NO_ESTIMATE), NO_ESTIMATE)


def _rate_limit_pause(rate: LearnedRate) -> Pause:
    return Pause(RATE_LIMIT, "caller", RATE_LIMITED.code, "", rate.lowered_at, rate.blocked_until)
