"""Between the repairs and the wire: what keeps clients working, and a struggling practice in peace."""

import random
import time
from collections.abc import Callable

from gateway.admin.site_status import Callers, Watch
from gateway.exchange import FhirRequest, Handler
from gateway.http.callers import background
from gateway.http.callers import caller as digits
from gateway.paging.page_sizer import Resized
from gateway.resilience.backoff import Doubling, left
from gateway.resilience.bulkhead import Bounded
from gateway.resilience.circuit_breaker import Rested, Rests
from gateway.resilience.fair_queue import Claimant
from gateway.resilience.pause_rules import Rule, caller
from gateway.resilience.pauses import Paused, Pauses
from gateway.resilience.rate_limiter import Metered, Paced
from gateway.resilience.rate_limits import Rates
from gateway.resilience.retry import Retried
from gateway.resilience.retry_budget import Spending
from gateway.resilience.retry_policy import Budget
from gateway.settings import Settings, Upstream
from gateway.settings.resolve import by_guid
from gateway.sites.directory import SiteDirectory
from gateway.sites.relocation import Practice, Relocated
from gateway.stores.base import Store

Ask = Callable[[str], Handler]
#: What tells callers with one key apart, as far as they say; it decides whose turn it is and no more.
_WHO = ("user-agent", "x-forwarded-for")


class Resilience:
    """The handlers around one Halo Connect, and the state they share with other replicas.

    `engine` gives the version of a site's engine by its GUID.
    """

    def __init__(
        self,
        settings: Settings,
        upstream: Upstream,
        store: Store,
        secret: bytes,
        engine: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._store = store
        self._secret = secret
        self._engine = engine
        self._host = upstream.url.host or ""
        self._room = upstream.max_connections
        self._site = by_guid(settings)
        rules = tuple(Rule(**each.model_dump()) for each in settings.pauses.rules)
        rest, retry = settings.rest, settings.retry
        self.spending = Spending(store, Budget(retry.share, retry.least), time.time)
        self.rests = Rests(store, Doubling(rest.start, rest.longest), time.time, random.random)
        self.pauses = Pauses(store, time.time, rules, secret)
        self.rates = Rates(store, time.time, upstream.rate)
        self._callers = Callers()
        self.watched: list[Watch] = []

    def around(self, ask: Ask) -> Handler:
        """What asks: Resized ▸ Paused ▸ Rested ▸ Paced ▸ Bounded ▸ Relocated ▸ Retried ▸ Metered."""
        settings, directory = self._settings, SiteDirectory(ask("halo-sql"))
        retried = Retried(
            Metered(ask("halo-connect"), self.rates, self._waits),
            self.spending,
            Doubling(settings.retry.first, settings.retry.longest),
            self._waits,
            clock=time.monotonic,
            chance=random.random,
            unanswered=settings.retry.unanswered,
        )
        relocated = Relocated(retried, self._store, self._practice, directory.successor, time.time)
        rest = settings.rest
        bounded = Bounded(
            relocated, rest.concurrency, rest.queue, self._waits, self.rests.check, room=self._room
        )
        paced = Paced(bounded, self.rates, self._who, self._waits)
        paused = Paused(Rested(paced, self.rests, directory.online), self.pauses)
        resized = Resized(
            paused, self._store, self._limit, self._version, time.time, probing=settings.page_size.probe
        )
        self.watched.append(self._watch(paced, bounded, relocated, resized))
        return resized

    def _watch(self, paced: Paced, bounded: Bounded, relocated: Relocated, resized: Resized) -> Watch:
        kept = self.rests, self.pauses, self.rates, self.spending
        return Watch(self._host, *kept, paced, bounded, relocated, resized, self._callers)

    def _waits(self, request: FhirRequest) -> float:
        return left(request, self._settings.retry.patience, time.monotonic())

    def _who(self, request: FhirRequest) -> Claimant:
        """One key may serve many programs, clients and practices: none waits until all of another is done."""
        key, shown = caller(request, self._secret), digits(request.headers)
        known = self._settings.ledger.callers.get(shown)
        self._callers.note(key, known.name if known else shown)
        site = request.site.guid if request.site else ""
        who = "\0".join((site, *(request.header(each) for each in _WHO)))
        return Claimant(key, who, bool(known and known.batch) or background(request.headers))

    def _practice(self, guid: str) -> Practice | None:
        found = self._site(guid)
        return Practice(found.pms_id, found.pms_name, found.follow) if found.pms_id else None

    def _version(self, request: FhirRequest) -> str:
        return self._engine(request.site.guid) if request.site else ""

    def _limit(self, request: FhirRequest) -> int:
        guid = request.site.guid if request.site else ""
        return self._site(guid).size_limit or self._settings.page_size.limit
