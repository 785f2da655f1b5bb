"""Status of sites and keys, read from the handlers of all upstreams of Halo Connect."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from gateway.admin.upstream_handlers import UpstreamHandlers, site_of_pause
from gateway.exchange import Site
from gateway.http.proved_callers import UNPROVED
from gateway.paging.page_size import PageSizeEstimate
from gateway.paging.page_sizer import NO_ESTIMATE
from gateway.repairs import KNOWN_ISSUES
from gateway.resilience.circuit import CLOSED, Circuit, worse_circuit
from gateway.resilience.pause_rules import Pause, PauseRule
from gateway.resilience.rate_limits import caller_part
from gateway.resilience.retry_budget import RetryUsage
from gateway.settings.site_ids import SiteIds
from gateway.sites.issue_states import SiteIssues
from gateway.sites.mounted_names import guid_in, mount_in, mounted_name

ISSUE_IDS = tuple(issue.id for issue in KNOWN_ISSUES)
_NO_MOUNTS: Mapping[str, Sequence[str]] = MappingProxyType({})


#: Name of the circuit in the result of a reset; names of pauses contain a colon.
CIRCUIT = "circuit"


class SiteStatus(NamedTuple):
    """Status of one site; `in_flight` and `queue_length` are requests of this process.

    `guid`: its key, which at a second Halo Connect has the name of the mount before it.
    """

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
        self._by_mount: dict[str, list[UpstreamHandlers]] = {}
        for handlers in upstream_handlers:
            self._by_mount.setdefault(handlers.mount_of_practices, []).append(handlers)
        self._configured_guids = frozenset(configured_guids)
        self._find_site = find_site
        self._has_name = has_name
        self._ids = SiteIds(self._configured_guids)
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

    def find_site(self, key: str) -> Site | None:
        """Site of a key, without the name of its mount; None if its time zone is unknown."""
        return self._find_site(guid_in(key))

    def has_name(self, key: str) -> bool:
        """Whether a site has metrics of its own."""
        return self._has_name(guid_in(key))

    def site_name(self, key: str) -> str:
        """Alias of a site, or the beginning of its GUID; behind the name of its mount."""
        site = self.find_site(key)
        return mounted_name(mount_in(key), site.name if site else self.site_id(key))

    def site_id(self, key: str) -> str:
        """Beginning of a site's GUID that no other configured practice has; the name of a mount."""
        site = self.find_site(key)
        return key if site and site.is_mount else self._ids(guid_in(key))

    def _upstreams_of(self, key: str) -> list[UpstreamHandlers]:
        """Handlers of the upstreams that may serve a site: the mount in its key, or all without one."""
        return self._by_mount.get(mount_in(key), [])

    def caller_name(self, key: str) -> str:
        """Name of a caller, by its keyed fingerprint; an unproved one has digits to tell it apart."""
        key = caller_part(key)
        names = (handlers.caller_names.name_of(key) for handlers in self._upstream_handlers)
        return next((name for name in names if name != key[:8]), f"{UNPROVED} {key[:8]}")

    async def pauses(self) -> dict[str, Pause]:
        """Active pauses of all upstreams by name, and the keys that an upstream's Retry-After blocks."""
        pauses: dict[str, Pause] = {}
        for handlers in self._upstream_handlers:
            pauses |= await handlers.named_pauses()
        return pauses

    async def circuits(self, only_guid: str = "") -> dict[str, Circuit]:
        """Circuits of the sites with failures, or of one, by GUID; of several upstreams the worst."""
        circuits: dict[str, Circuit] = {}
        guids, only_site = () if only_guid else self._configured_guids, guid_in(only_guid)
        for handlers in self._upstreams_of(only_guid) if only_guid else self._upstream_handlers:
            found = await handlers.circuits.troubled_circuits(guids, only_site=only_site)
            for guid, circuit in found.items():
                key = mounted_name(handlers.mount_of_practices, guid)
                circuits[key] = worse_circuit(circuit, circuits.get(key))
        return circuits

    def load(self) -> dict[str, tuple[int, int]]:
        """Upstream requests in flight and queue length by GUID, for each configured or busy site."""
        load = dict.fromkeys(self._configured_guids, (0, 0))
        for handlers in self._upstream_handlers:
            for guid, (running, waiting) in handlers.bulkhead.load_by_site().items():
                key = mounted_name(handlers.mount_of_practices, guid)
                total = load.get(key, (0, 0))
                load[key] = total[0] + running, total[1] + waiting
        return load

    async def retry_usage(self) -> dict[str, RetryUsage]:
        """Retry budgets of the sites with recent retries, by GUID."""
        sites = {
            mounted_name(each.mount_of_practices, guid)
            for each in self._upstream_handlers
            for guid in each.retry_budget.retried_sites()
        }
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
                self.is_configured(guid),
                circuits.get(guid, CLOSED),
                pauses.get(guid, {}),
                await self._retry_usage(guid),
                await self._known_successor(guid),
                {
                    name.rpartition(":")[2]: await self._page_size_estimate(guid, name)
                    for name in searches.get(guid, ())
                },
                *load.get(guid, (0, 0)),
                await self._site_issues(guid),
            )
            for guid in sorted({only_guid} if only_guid else guids)
        ]

    def known_engine(self, guid: str) -> tuple[str, int]:
        """Engine version of a site and the number of its broken issues, as this process knows them."""
        upstreams, guid = self._upstreams_of(guid), guid_in(guid)
        engines = [each.issue_states.local_engine(guid) for each in upstreams]
        version = next((version for version, _ in engines if version), "")
        return version, max((count for _, count in engines), default=0)

    def is_configured(self, guid: str) -> bool:
        """Whether a site is in the configuration."""
        return guid_in(guid) in self._configured_guids

    async def has_state(self, key: str) -> bool:
        """Whether a site is configured, or has an open circuit, a pause or load."""
        return key in self.load() or key in await self.circuits(key) or key in await self.pauses_by_site()

    async def pauses_by_site(self) -> dict[str, dict[str, Pause]]:
        """Active pauses by site and name; those of no site under an empty GUID."""
        pauses: dict[str, dict[str, Pause]] = {}
        for name, pause in (await self.pauses()).items():
            pauses.setdefault(site_of_pause(name), {})[name] = pause
        return pauses

    def _searches_by_site(self) -> dict[str, list[str]]:
        searches: dict[str, list[str]] = {}
        for handlers in self._upstream_handlers:
            for guid, name in handlers.practices.page_sizer.known_searches() if handlers.practices else ():
                searches.setdefault(mounted_name(handlers.mount, guid), []).append(name)
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
        for handlers in self._upstreams_of(guid):
            await handlers.circuits.close_circuit(guid_in(guid))
        names = [name for name in await self.pauses() if site_of_pause(name) == guid]
        return [*circuit, *[name for name in names if await self._clear_pause(name)]]

    async def _clear_pause(self, name: str) -> bool:
        return any([await handlers.clear_pause(name) for handlers in self._upstream_handlers])

    async def _retry_usage(self, guid: str) -> RetryUsage:
        """Retries of the upstream that has repeated most."""
        usages = [
            await handlers.retry_budget.usage_of(guid_in(guid)) for handlers in self._upstreams_of(guid)
        ]
        return max(usages, key=lambda usage: usage.retries)

    def local_site_issues(self) -> Iterator[SiteIssues]:
        """States of the known issues as this process knows them, by upstream and site."""
        for handlers in self._upstream_handlers:
            yield from handlers.issue_states.local_site_issues(self._configured_guids, self.issue_ids)

    async def _site_issues(self, guid: str) -> SiteIssues:
        """States of the known issues at the upstream that has served the site, else unknown at the first."""
        ids = self._mount_issue_ids.get(guid, self.issue_ids)
        states = [handlers.issue_states for handlers in self._upstreams_of(guid)]
        issues = [await each.site_issues(guid_in(guid), ids) for each in states]
        return next((each for each in issues if each.is_any_known), issues[0])

    async def _known_successor(self, guid: str) -> str:
        relocations = [each.practices.site_relocation for each in self._upstreams_of(guid) if each.practices]
        successors = [await relocation.known_successor(guid_in(guid)) for relocation in relocations]
        return next(filter(None, successors), "")

    async def _page_size_estimate(self, guid: str, name: str) -> PageSizeEstimate:
        sizers = [each.practices.page_sizer for each in self._upstreams_of(guid) if each.practices]
        estimates = [await sizer.estimate_for(name) for sizer in sizers]
        return next((estimate for estimate in estimates if estimate != NO_ESTIMATE), NO_ESTIMATE)
