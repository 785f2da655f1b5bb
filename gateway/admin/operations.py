"""Operations for operators: statistics, state metrics, purges and admin endpoints of one process."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from prometheus_client.metrics_core import Metric

from gateway.admin.activity import ActivityEndpoints
from gateway.admin.advice import AdviceEndpoints
from gateway.admin.cache import CacheEndpoints, outcomes_by_type
from gateway.admin.configured_names import configured_site_names, single_site_mounts
from gateway.admin.endpoints import AdminEndpoints
from gateway.admin.ledger import NO_APP_REPORTS, AppReports, LedgerEndpoints
from gateway.admin.site_status import SiteStatusReader
from gateway.admin.sites import SiteEndpoints
from gateway.admin.state_metrics import (
    cache_families,
    read_site_states,
    site_families,
    store_families,
)
from gateway.admin.today import NO_DAY_SOURCE, DaySource, TodayEndpoints
from gateway.admin.upstream_handlers import UpstreamHandlers
from gateway.advice.adviser import Prices
from gateway.advice.shape_log import ShapeLog
from gateway.apps.recognition import AppDirectory
from gateway.builders import freshness_lookup
from gateway.cache.freshness import Freshness
from gateway.cache.longest_age import longest_age
from gateway.cache.patient_tags import purge_tags
from gateway.cache.response_cache import ResponseCache
from gateway.dates.timezones import load_zone
from gateway.exchange import Site
from gateway.ledger.cost import LedgerRow
from gateway.ledger.daily_usage import CapStatus
from gateway.ledger.history import History
from gateway.ledger.recent_failures import RecentFailures
from gateway.plugins.extensions_of import mount_issue_ids
from gateway.settings import Settings
from gateway.settings.extensions import extension_issues
from gateway.settings.resolve import DEFAULT_SITE
from gateway.stores.base import Store
from gateway.stores.fallback import FallbackStore
from gateway.web.fast_path import FastPathCache


@dataclass(frozen=True)
class Operations:
    """Statistics of a process, and the changes that operators can make in it.

    `secrets` are the caches' keys for patient tags, also of replicas with another first key; `outcome_counts`
    counts requests since the process started; `has_name`: whether a site by GUID has metrics of its own.
    """

    settings: Settings
    store: Store
    secrets: Sequence[bytes]
    find_site: Callable[[str], Site | None]
    now: Callable[[], datetime]
    response_caches: Sequence[ResponseCache] = ()
    fast_path_caches: Sequence[FastPathCache] = ()
    upstream_handlers: Sequence[UpstreamHandlers] = ()
    outcome_counts: Mapping[tuple[str, str], int] = field(default_factory=Counter)
    has_name: Callable[[str], bool] = lambda _: True
    shape_log: ShapeLog = field(default_factory=ShapeLog)
    monotonic: Callable[[], float] = lambda: 0.0
    history: History = field(default_factory=History)
    recent_failures: RecentFailures = field(default_factory=RecentFailures)

    @cached_property
    def _status_reader(self) -> SiteStatusReader:
        configured = {*self.settings.sites, *self._mounts} - {DEFAULT_SITE}
        further = [issue.id for issue in extension_issues(self.settings)]
        return SiteStatusReader(
            self.upstream_handlers, configured, self._site_of, self.has_name, further, self._mount_issue_ids
        )

    @property
    def _prices(self) -> Prices:
        ledger = self.settings.ledger
        return Prices(ledger.price_per_query, ledger.price_per_megabyte, ledger.currency)

    @cached_property
    def _mounts(self) -> Mapping[str, Site]:
        """Upstreams that are one site each, by name."""
        names = single_site_mounts(self.settings)
        return {name: Site(name, load_zone("UTC"), name, is_mount=True) for name in names}

    @property
    def _mount_issue_ids(self) -> Mapping[str, tuple[str, ...]]:
        """Ids of the known issues whose repairs apply to each mount."""
        return {name: mount_issue_ids(self.settings, self.settings.upstreams[name]) for name in self._mounts}

    def _site_of(self, guid: str) -> Site | None:
        return self._mounts.get(guid) or self.find_site(guid)

    def _is_served(self, guid: str) -> bool:
        """Whether a practice is in the configuration, or has the time zone of `sites.default`."""
        return guid in self.settings.sites or self.find_site(guid) is not None

    def admin_endpoints(
        self,
        read_rows: Callable[[str, str], list[LedgerRow]],
        cap_statuses: Callable[[], list[CapStatus]],
        app_reports: AppReports = NO_APP_REPORTS,
        day_source: DaySource = NO_DAY_SOURCE,
        has_ended: Callable[[], bool] = lambda: False,
    ) -> AdminEndpoints:
        """Admin endpoints; without a token only for a separate port.

        `has_ended`: whether the gateway shuts down.
        """
        token, has_state = self.settings.admin.token, self._status_reader.has_state
        names = configured_site_names(self.settings)
        names = replace(names, is_served=self._is_served, has_state=has_state)
        flush = self._flush_hits
        groups = (
            LedgerEndpoints(read_rows, cap_statuses, names, self.now, app_reports, flush),
            TodayEndpoints(day_source, cap_statuses, self.now, app_reports, flush),
            ActivityEndpoints(self.history, self.recent_failures, names, self.now, flush),
            CacheEndpoints(self.cache_statistics, self.purge_responses, names, self.now, self.longest_age),
            SiteEndpoints(self._status_reader, names, self.now),
            AdviceEndpoints(self.shape_log, self._prices, names, self.now, self.monotonic),
        )
        return AdminEndpoints(
            token.get_secret_value() if token else "",
            groups,
            self.settings.admin.listen is not None,
            has_ended=has_ended,
        )

    async def read_metrics(self) -> Callable[[], list[Metric]]:
        """Read the current state; return a function for any thread that makes its metrics."""
        self._flush_hits()
        aliases = {caller.name for caller in self.settings.ledger.callers.values()}
        stats, outages = await self.store.read_stats(), self._store_outages
        is_down = isinstance(self.store, FallbackStore) and self.store.is_down
        states = await read_site_states(self._status_reader) if self.upstream_handlers else None
        outcomes, fetches = dict(self.outcome_counts), self._fetches_in_flight
        return lambda: [
            *(site_families(self._status_reader, states, aliases) if states else []),
            *store_families(stats, outages, is_down=is_down),
            *cache_families(outcomes, fetches),
        ]

    async def cache_statistics(self) -> Mapping[str, Any]:
        """Statistics of store, fast path and cache."""
        self._flush_hits()
        stats = await self.store.read_stats()
        return {
            "profile": self.settings.cache.profile,
            "store": {
                "kind": stats.backend,
                "entries": stats.entries,
                "bytes": stats.used_bytes,
                "maxBytes": stats.max_bytes or None,
                "evicted": stats.evictions,
                "problem": await self._store_problem() or None,
                "outages": self._store_outages,
            },
            "prepared": {
                "entries": sum(cache.entry_count for cache in self.fast_path_caches),
                "bytes": sum(cache.used_bytes for cache in self.fast_path_caches),
                "maxBytes": sum(cache.max_bytes for cache in self.fast_path_caches),
            },
            "fetchesInFlight": self._fetches_in_flight,
            **outcomes_by_type(self.outcome_counts),
        }

    async def purge_responses(self, site: str, type_: str, patient: str) -> None:
        """Purge the responses of a site, of one type, or those that may concern one patient."""
        tags = dict.fromkeys(
            tag for secret in self.secrets for tag in purge_tags(site, type_, patient, secret)
        )
        for cache in self.response_caches:
            await cache.purge(site, tuple(tags))

    def longest_age(self, site: str) -> int:
        """Return the highest age of any stored response of a site or mounted upstream, in seconds."""
        if site in self._mounts:
            return longest_age(Freshness(self.settings.upstreams[site].cache.profile))
        apps = AppDirectory(self.settings.apps).apps
        return longest_age(freshness_lookup(self.settings)(site), apps.values())

    def _flush_hits(self) -> None:
        """Count the hits of the fast path that are not counted yet."""
        for cache in self.fast_path_caches:
            cache.flush()

    @property
    def _fetches_in_flight(self) -> int:
        return sum(cache.fetches_in_flight for cache in self.response_caches)

    @property
    def _store_outages(self) -> int:
        return self.store.outages if isinstance(self.store, FallbackStore) else 0

    async def _store_problem(self) -> str:
        return await self.store.problem() if isinstance(self.store, FallbackStore) else ""
