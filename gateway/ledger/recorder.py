"""Brings each exchange into the ledger, the day's use and the metrics, under names that are safe to keep."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from gateway.exchange import FhirRequest, Headers, Site
from gateway.fhir.interaction import Interaction
from gateway.http.callers import is_background, ledger_label
from gateway.ledger.caps import batch_rejected, next_midnight
from gateway.ledger.cost import BILLABLE_CLASSES, Attribution, CostClass, LedgerKey
from gateway.ledger.daily_usage import DailyUsage

#: A name that comes from a client is kept only so often: forged keys and GUIDs must not fill the ledger.
_MAX_SITES, _MAX_CALLERS = 5_000, 1_000
OVERFLOW_NAME = "others"
#: Lines that are made once a day; more are made more often.
_MAX_DAILY_KEYS = 20_000
_API_SEGMENTS = frozenset({"integrator", "desktop"})


class LedgerSink(Protocol):
    """Where lines are kept; see `ledger/ledger.py`."""

    def add(self, key: LedgerKey, octets: int, queries: int = 1) -> None:
        """Count exchanges, and all their bytes."""
        ...


class MetricsSink(Protocol):
    """What shows the figures of this process; see `telemetry/metrics.py`."""

    def count_requests(
        self, attribution: Attribution, cost: CostClass, octets: int, queries: int = 1
    ) -> None:
        """Exchanges, and all their bytes."""
        ...

    def observe_upstream_seconds(self, attribution: Attribution, seconds: float) -> None:
        """How long the upstream was asked."""
        ...

    def count_failure(self, attribution: Attribution, code: str) -> None:
        """A request that failed, by our code."""
        ...

    def count_repairs(
        self, attribution: Attribution, fired_repairs: Sequence[str], active_repairs: Sequence[str]
    ) -> None:
        """Which repairs looked at an upstream's answer, and which of them found something to mend."""
        ...


class CallerConfig(NamedTuple):
    """What the configuration says of a caller: its alias, and whether it is batch work."""

    name: str
    is_batch: bool = False


class ConfiguredNames(NamedTuple):
    """What the configuration names: callers by their eight digits, and sites by GUID.

    These keep their lines, however many names clients make up.
    """

    callers: Mapping[str, CallerConfig]
    sites: Collection[str] = ()


NO_CONFIGURED_NAMES = ConfiguredNames({})


class Recorder:
    """Brings each exchange into the ledger, the day's use and the metrics.

    `sites` finds a site by GUID, for what is not FHIR.
    """

    def __init__(
        self,
        ledger: LedgerSink,
        daily_usage: DailyUsage,
        metrics: MetricsSink,
        *,
        site_of: Callable[[str], Site | None] = lambda _: None,
        configured_names: ConfiguredNames = NO_CONFIGURED_NAMES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._daily_usage = daily_usage
        self._site_by_guid = site_of
        self._callers = configured_names.callers
        self._now = now
        self._site_names, self._caller_names = (
            _LimitedNames(_MAX_SITES, configured_names.sites),
            _LimitedNames(_MAX_CALLERS),
        )
        self._daily_keys: dict[tuple[Attribution, CostClass], tuple[LedgerKey, datetime]] = {}
        self._open_requests: dict[object, tuple[Attribution, CostClass]] = {}
        self.metrics = metrics

    def attribution_of(self, request: FhirRequest) -> Attribution:
        """Who asks where about what; kept beside an answer, later hits are counted by it."""
        return self._attribution_for(self._request_site(request), request.headers, request.interaction)

    def record_rejection(
        self, site: Site | None, headers: Headers, interaction: Interaction, code: str
    ) -> None:
        """Count a request refused before it was read, for free, at a site that is known already or none."""
        known = site if site and self._site_names.contains(site.guid) else None
        subject = self._attribution_for(known, headers, interaction)
        self.count_requests(subject, CostClass.FREE)
        self.metrics.count_failure(subject, code)

    def count_requests(
        self,
        attribution: Attribution,
        cost: CostClass,
        octets: int = 0,
        seconds: float | None = None,
        *,
        queries: int = 1,
    ) -> None:
        """Count exchanges of this class, one unless `queries` says more; `octets` is the size of each.

        A hit takes nothing but this: two look-ups of a line that is made once a day.
        """
        now = self._now()
        line, end = self._daily_keys.get((attribution, cost)) or self._daily_key(attribution, cost, now)
        if now >= end:
            line, _ = self._daily_key(attribution, cost, now)
        octets *= queries
        self._ledger.add(line, octets, queries)
        self.metrics.count_requests(attribution, cost, octets, queries)
        if cost in BILLABLE_CLASSES:
            self._daily_usage.add(attribution, cost, octets, now, queries)
        if seconds is not None:
            self.metrics.observe_upstream_seconds(attribution, seconds)

    def begin_request(self, attribution: Attribution, cost: CostClass) -> object:
        """An exchange with an upstream, to be ended; until then it is of this class."""
        exchange = object()
        self._open_requests[exchange] = attribution, cost
        return exchange

    def end_request(self, open_request: object, cost: CostClass, octets: int, seconds: float) -> None:
        """Count an exchange that was begun, and not settled before."""
        begun = self._open_requests.pop(open_request, None)
        if begun is not None:
            self.count_requests(begun[0], cost, octets, seconds)

    def count_unfinished(self) -> None:
        """Count what has not ended: for the end of the process, which such exchanges do not outlive."""
        while self._open_requests:
            self.count_requests(*self._open_requests.popitem()[1])

    def require_within_cap(self, attribution: Attribution) -> None:
        """Raises Failure 429 for batch work at a site whose cap is used up."""
        now = self._now()
        if self._daily_usage.rejects_batch(attribution, now):
            raise batch_rejected(now, attribution.zone)

    def _daily_key(
        self, attribution: Attribution, cost: CostClass, now: datetime
    ) -> tuple[LedgerKey, datetime]:
        """The line of today, and when the day ends."""
        if len(self._daily_keys) >= _MAX_DAILY_KEYS:
            self._daily_keys.clear()
        found = attribution.ledger_key(cost, now), next_midnight(now, attribution.zone)
        self._daily_keys[attribution, cost] = found
        return found

    def _attribution_for(self, site: Site | None, headers: Headers, interaction: Interaction) -> Attribution:
        digits = ledger_label(headers)
        found = self._callers.get(digits) or CallerConfig(self._caller_names(digits))
        guid = self._site_names(site.guid) if site else ""
        return Attribution(
            guid,
            site.name if site and guid != OVERFLOW_NAME else guid,
            site.zone if site else UTC,
            found.name,
            interaction.type,
            interaction.code,
            found.is_batch or is_background(headers),
        )

    def _request_site(self, request: FhirRequest) -> Site | None:
        surface, _, rest = request.path.partition("/sites/")
        named = request.site is None and surface in _API_SEGMENTS
        return self._site_by_guid(rest.partition("/")[0].lower()) if named else request.site


class _LimitedNames:
    """Names as they are until there are too many beside those given."""

    def __init__(self, max_new_names: int, reserved_names: Collection[str] = ()) -> None:
        self._known_names = set(reserved_names)
        self._max_names = max_new_names + len(self._known_names)

    def contains(self, name: str) -> bool:
        """Whether a name is kept already."""
        return name in self._known_names

    def __call__(self, name: str) -> str:
        if name not in self._known_names and len(self._known_names) >= self._max_names:
            return OVERFLOW_NAME
        self._known_names.add(name)
        return name
