"""Recorder: counts each request in the ledger, the daily usage and the metrics, without personal data."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from gateway.errors.failure import FailureKind
from gateway.exchange import FhirRequest, Headers, Site
from gateway.fhir.interaction import Interaction
from gateway.http.callers import is_background
from gateway.http.proved_callers import UNPROVED, caller_of
from gateway.ledger.app_usage import AppUsage
from gateway.ledger.budgets import budget_refusal, may_be_refused
from gateway.ledger.caps import batch_rejected, day_bounds
from gateway.ledger.cost import BILLABLE_CLASSES, Attribution, CostClass, LedgerKey, is_billable
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.history import History
from gateway.ledger.names import LedgerNames
from gateway.ledger.recent_failures import RecentFailures
from gateway.sites.mounted_names import site_at

#: Maximum number of ledger keys in memory; beyond it they are built again, more often than once a day.
_MAX_DAILY_KEYS = 20_000
_API_SEGMENTS = frozenset({"integrator", "desktop"})
#: Ledger key of a day, begin of the day, and its end: a clock that was ahead goes back to an earlier day.
_DailyKey = tuple[LedgerKey, datetime, datetime]


class LedgerSink(Protocol):
    """Ledger that counts by key; see `ledger/ledger.py`."""

    def add(self, key: LedgerKey, octets: int, queries: int = 1) -> None:
        """Count queries, and all their bytes."""
        ...


class MetricsSink(Protocol):
    """Metrics of this process; see `telemetry/metrics.py`."""

    def count_requests(
        self, attribution: Attribution, cost: CostClass, octets: int, queries: int = 1
    ) -> None:
        """Count requests, and all their bytes."""
        ...

    def observe_upstream_seconds(self, attribution: Attribution, seconds: float) -> None:
        """Record the duration of an upstream request."""
        ...

    def count_failure(self, attribution: Attribution, code: str) -> None:
        """Count a failed request by its error code."""
        ...

    def count_repairs(
        self, attribution: Attribution, fired_repairs: Sequence[str], active_repairs: Sequence[str]
    ) -> None:
        """Count the repairs that checked an upstream response, and those that changed it."""
        ...


class Recorder:
    """Counts each request in the ledger, the daily usage, the metrics and the history of the last hours.

    `site_of` returns a site by GUID, and `mount_of` the name of a second Halo
    Connect, for requests that are not FHIR. `unread_app`: app of the requests that
    are rejected before they are read, empty if no apps are configured.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, each once
        self,
        ledger: LedgerSink,
        daily_usage: DailyUsage,
        metrics: MetricsSink,
        names: LedgerNames,
        *,
        site_of: Callable[[str], Site | None] = lambda _: None,
        mount_of: Callable[[FhirRequest], str] = lambda _: "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        app_usage: AppUsage | None = None,
        unread_app: str = "",
    ) -> None:
        self._ledger = ledger
        self._daily_usage = daily_usage
        self._app_usage = app_usage or AppUsage({})
        self._unread_app = unread_app
        self._site_by_guid, self._mount_of = site_of, mount_of
        self._names = names
        self._now = now
        self._daily_keys: dict[tuple[Attribution, CostClass], _DailyKey] = {}
        self._open_requests: dict[object, tuple[Attribution, CostClass]] = {}
        self.metrics = metrics
        self.history, self.recent_failures = History(), RecentFailures()

    def attribution_of(self, request: FhirRequest) -> Attribution:
        """Site, caller, type and interaction of a request; stored responses keep it to count later hits."""
        site, interaction = self._request_site(request), request.interaction
        return self._attribution_for(site, request.headers, interaction, caller_of(request), request.app)

    def record_success(self, request: FhirRequest) -> None:
        """Note a 2xx of the upstream, which proves the request's caller and site."""
        self._names.record_success(request, self._request_site(request))

    def record_rejection(  # noqa: PLR0913 - what is known of a request that was not read
        self,
        site: Site | None,
        headers: Headers,
        interaction: Interaction,
        kind: FailureKind | None,
        caller: str,
        app: str = "",
        *,
        request_id: str = "",
        in_ledger: bool = True,
    ) -> Attribution:
        """Count a request rejected before it was read, as free; `caller` and `app` as in `FhirRequest`.

        `kind`: None if its client left, which is no failure. `in_ledger`: whether it was one for an upstream;
        the metrics have all others, too: a failure is a share of the requests. Return to whom it is
        attributed.
        """
        attribution = self._attribution_for(site, headers, interaction, caller, app or self._unread_app)
        if in_ledger:
            self.count_requests(attribution, CostClass.FREE)
        else:
            self.count_outside_ledger(attribution)
        if kind is not None:
            self.record_failure(attribution, kind, request_id)
        return attribution

    def count_outside_ledger(self, attribution: Attribution) -> None:
        """Count a request that the ledger has no class for, as free in the metrics."""
        self.metrics.count_requests(attribution, CostClass.FREE, 0)

    def record_failure(self, attribution: Attribution, kind: FailureKind, request_id: str = "") -> None:
        """Count a failed request by its error code, and keep it as the latest of its code."""
        now = self._now().timestamp()
        self.metrics.count_failure(attribution, kind.code)
        self.history.count_failure("" if attribution.is_unproved_site else attribution.site, now)
        self.recent_failures.add(kind, now, attribution.name, request_id)

    def count_requests(
        self,
        attribution: Attribution,
        cost: CostClass,
        octets: int = 0,
        seconds: float | None = None,
        *,
        queries: int = 1,
    ) -> None:
        """Count `queries` requests of this class; `octets` is the size of each, `seconds` the upstream time.

        This is all that a cache hit costs: the key is built once a day and then looked up.
        """
        now = self._now()
        daily_key = self._daily_keys.get((attribution, cost))
        if daily_key is None or not daily_key[1] <= now < daily_key[2]:
            daily_key = self._daily_key(attribution, cost, now)
        key = daily_key[0]
        octets *= queries
        self._ledger.add(key, octets, queries)
        self.metrics.count_requests(attribution, cost, octets, queries)
        site = "" if attribution.is_unproved_site else attribution.site
        self.history.count_requests(site, cost, now.timestamp(), queries)
        if cost in BILLABLE_CLASSES:
            self._daily_usage.add(attribution, cost, octets, now, queries)
            self._app_usage.add(attribution, cost, octets, now, queries)
        if seconds is not None:
            self.metrics.observe_upstream_seconds(attribution, seconds)

    def begin_request(self, attribution: Attribution, cost: CostClass) -> object:
        """Begin an upstream request; return its handle for `end_request`. Until then it has this class."""
        open_request = object()
        self._open_requests[open_request] = attribution, cost
        return open_request

    def end_request(
        self, open_request: object, attribution: Attribution, cost: CostClass, octets: int, seconds: float
    ) -> None:
        """Count an upstream request that has ended, unless it is counted already."""
        if self._open_requests.pop(open_request, None) is not None:
            self.count_requests(attribution, cost, octets, seconds)

    def count_unfinished(self) -> None:
        """Count the upstream requests that have not ended, because the process ends now."""
        while self._open_requests:
            self.count_requests(*self._open_requests.popitem()[1])

    def require_permitted(self, request: FhirRequest, attribution: Attribution) -> None:
        """Raise Failure 429 for a query of batch work beyond a cap, or of an app whose budget is used."""
        if is_billable(request):
            self.require_within_cap(attribution)
            self.require_within_budget(request, attribution)

    def require_within_cap(self, attribution: Attribution) -> None:
        """Raise Failure 429 for batch work at a site whose cap is reached."""
        now = self._now()
        if self._daily_usage.rejects_batch(attribution, now):
            raise batch_rejected(now, attribution.zone)

    def require_within_budget(self, request: FhirRequest, attribution: Attribution) -> None:
        """Raise Failure 429 for a query of an app whose hard budget is used."""
        if not may_be_refused(request):
            return
        now = self._now()
        status = self._app_usage.used_budget(attribution, now)
        if status is not None:
            raise budget_refusal(status, now, attribution.zone)

    def _daily_key(self, attribution: Attribution, cost: CostClass, now: datetime) -> _DailyKey:
        """Build and keep the ledger key of the day."""
        if len(self._daily_keys) >= _MAX_DAILY_KEYS:
            self._daily_keys.clear()
        daily_key = attribution.ledger_key(cost, now), *day_bounds(now, attribution.zone)
        self._daily_keys[attribution, cost] = daily_key
        return daily_key

    def _attribution_for(
        self, site: Site | None, headers: Headers, interaction: Interaction, identity: str, app: str
    ) -> Attribution:
        caller = self._names.caller(headers, identity)
        is_unproved = site is not None and not self._names.has_name(site.guid)
        return Attribution(
            site.guid if site else "",
            UNPROVED if is_unproved else site.name if site else "",
            site.zone if site else UTC,
            caller.name,
            interaction.type,
            interaction.name,
            caller.is_batch or is_background(headers),
            is_unproved,
            app,
        )

    def _request_site(self, request: FhirRequest) -> Site | None:
        if request.site is not None and request.interaction.code != "sql":
            return request.site
        api, _, site_path = request.path.partition("/sites/")
        if api not in _API_SEGMENTS:
            return request.site
        site, mount = self._site_by_guid(site_path.partition("/")[0].lower()), self._mount_of(request)
        return site_at(mount, site) if site and mount else site
