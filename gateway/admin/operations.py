"""What operators see and do, put together from what a process holds."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prometheus_client.metrics_core import Metric

from gateway.admin.cache import CachePages, by_type
from gateway.admin.endpoints import Admin
from gateway.admin.ledger import LedgerPages
from gateway.admin.requests import Names
from gateway.admin.site_status import States, Watch
from gateway.admin.sites import SitePages
from gateway.admin.state_metrics import cache_families, site_families, store_families
from gateway.cache.patient_tags import purged
from gateway.cache.response_cache import Cached
from gateway.exchange import Site
from gateway.ledger.cost import Row
from gateway.ledger.daily_usage import Standing
from gateway.settings import Settings
from gateway.settings.resolve import DEFAULT
from gateway.stores.base import Store
from gateway.stores.fallback import FallbackStore
from gateway.web.fast_path import Hits


@dataclass
class Operated:
    """The figures of a process and the levers on it; `secret` names patients as the caches do.

    `caches`, `hits`, `watches` and `tally` fill as handlers are wired and used.
    """

    settings: Settings
    store: Store
    secret: bytes
    sites: Callable[[str], Site | None]
    now: Callable[[], datetime]
    caches: list[Cached] = field(default_factory=list)
    hits: list[Hits] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        configured = self.settings.sites.keys() - {DEFAULT}
        self._states = States(self.watches, configured, self.sites)

    def admin(self, rows: Callable[[str, str], list[Row]], standings: Callable[[], list[Standing]]) -> Admin:
        """The operators' endpoints; without a token only for a port of their own."""
        token, sites = self.settings.admin.token, self.settings.sites
        names = Names({guid: each.name for guid, each in sites.items() if each.name and guid != DEFAULT})
        desks = (
            LedgerPages(rows, standings, names, self.now),
            CachePages(self.statistics, self.forget, names, self.now),
            SitePages(self._states, names, self.now),
        )
        return Admin(token.get_secret_value() if token else "", desks, self.settings.admin.listen is not None)

    async def families(self) -> list[Metric]:
        """The metrics of how things are now."""
        aliases = {each.name for each in self.settings.ledger.callers.values()}
        figures, away = await self.store.figures(), isinstance(self.store, FallbackStore) and self.store.away
        sites = await site_families(self._states, aliases) if self.watches else []
        stored = store_families(figures, self._absences, away=away)
        return [*sites, *stored, *cache_families(self.tally, self._flights)]

    async def statistics(self) -> Mapping[str, Any]:
        """The cache's figures."""
        kind, entries, octets, cap, evicted = await self.store.figures()
        held = {
            "kind": kind,
            "entries": entries,
            "bytes": octets,
            "maxBytes": cap or None,
            "evicted": evicted,
        }
        return {
            "profile": self.settings.cache.profile,
            "store": {**held, "problem": await self._away() or None, "absences": self._absences},
            "prepared": {
                "entries": sum(each.count for each in self.hits),
                "bytes": sum(each.size for each in self.hits),
                "maxBytes": sum(each.most for each in self.hits),
            },
            "flights": self._flights,
            **by_type(self.tally),
        }

    async def forget(self, site: str, type_: str, patient: str) -> None:
        """Nothing of the site, of one type, or of what may be about one patient, is served any more."""
        for cached in self.caches:
            await cached.purge(site, purged(site, type_, patient, self.secret))

    @property
    def _flights(self) -> int:
        return sum(cached.flights for cached in self.caches)

    @property
    def _absences(self) -> int:
        return self.store.absences if isinstance(self.store, FallbackStore) else 0

    async def _away(self) -> str:
        return await self.store.problem() if isinstance(self.store, FallbackStore) else ""
