"""What operators see and do, put together from what a process holds."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from prometheus_client.metrics_core import Metric

from gateway.admin.cache import CacheEndpoints, outcomes_by_type
from gateway.admin.endpoints import AdminEndpoints
from gateway.admin.ledger import LedgerEndpoints
from gateway.admin.requests import SiteNames
from gateway.admin.site_status import SiteStatusReader, UpstreamHandlers
from gateway.admin.sites import SiteEndpoints
from gateway.admin.state_metrics import cache_families, site_families, store_families
from gateway.cache.patient_tags import purge_tags
from gateway.cache.response_cache import ResponseCache
from gateway.exchange import Site
from gateway.ledger.cost import LedgerRow
from gateway.ledger.daily_usage import CapStatus
from gateway.settings import Settings
from gateway.settings.resolve import DEFAULT_SITE
from gateway.stores.base import Store
from gateway.stores.fallback import FallbackStore
from gateway.web.fast_path import FastPathCache


@dataclass(frozen=True)
class Operations:
    """Figures of a process, and what operators can change in it.

    `secret` keys the tags of patients as the caches do; `outcome_counts` counts while the process runs.
    """

    settings: Settings
    store: Store
    secret: bytes
    find_site: Callable[[str], Site | None]
    now: Callable[[], datetime]
    response_caches: Sequence[ResponseCache] = ()
    fast_path_caches: Sequence[FastPathCache] = ()
    upstream_handlers: Sequence[UpstreamHandlers] = ()
    outcome_counts: Mapping[tuple[str, str], int] = field(default_factory=Counter)

    @cached_property
    def _status_reader(self) -> SiteStatusReader:
        configured = self.settings.sites.keys() - {DEFAULT_SITE}
        return SiteStatusReader(self.upstream_handlers, configured, self.find_site)

    def admin_endpoints(
        self, read_rows: Callable[[str, str], list[LedgerRow]], cap_statuses: Callable[[], list[CapStatus]]
    ) -> AdminEndpoints:
        """The operators' endpoints; without a token only for a port of their own."""
        token, sites = self.settings.admin.token, self.settings.sites
        names = SiteNames(
            {guid: each.name for guid, each in sites.items() if each.name and guid != DEFAULT_SITE}
        )
        desks = (
            LedgerEndpoints(read_rows, cap_statuses, names, self.now),
            CacheEndpoints(self.cache_statistics, self.purge_responses, names, self.now),
            SiteEndpoints(self._status_reader, names, self.now),
        )
        return AdminEndpoints(
            token.get_secret_value() if token else "", desks, self.settings.admin.listen is not None
        )

    async def metric_families(self) -> list[Metric]:
        """The metrics of how things are now."""
        aliases = {each.name for each in self.settings.ledger.callers.values()}
        figures, away = (
            await self.store.read_stats(),
            isinstance(self.store, FallbackStore) and self.store.is_down,
        )
        sites = await site_families(self._status_reader, aliases) if self.upstream_handlers else []
        stored = store_families(figures, self._store_outages, is_down=away)
        return [*sites, *stored, *cache_families(self.outcome_counts, self._fetches_in_flight)]

    async def cache_statistics(self) -> Mapping[str, Any]:
        """The cache's figures."""
        kind, entries, octets, cap, evicted = await self.store.read_stats()
        held = {
            "kind": kind,
            "entries": entries,
            "bytes": octets,
            "maxBytes": cap or None,
            "evicted": evicted,
        }
        return {
            "profile": self.settings.cache.profile,
            "store": {
                **held,
                "problem": await self._store_problem() or None,
                "absences": self._store_outages,
            },
            "prepared": {
                "entries": sum(each.entry_count for each in self.fast_path_caches),
                "bytes": sum(each.used_bytes for each in self.fast_path_caches),
                "maxBytes": sum(each.max_bytes for each in self.fast_path_caches),
            },
            "flights": self._fetches_in_flight,
            **outcomes_by_type(self.outcome_counts),
        }

    async def purge_responses(self, site: str, type_: str, patient: str) -> None:
        """Nothing of the site, of one type, or of what may be about one patient, is served any more."""
        for cached in self.response_caches:
            await cached.purge(site, purge_tags(site, type_, patient, self.secret))

    @property
    def _fetches_in_flight(self) -> int:
        return sum(cached.fetches_in_flight for cached in self.response_caches)

    @property
    def _store_outages(self) -> int:
        return self.store.outages if isinstance(self.store, FallbackStore) else 0

    async def _store_problem(self) -> str:
        return await self.store.problem() if isinstance(self.store, FallbackStore) else ""
