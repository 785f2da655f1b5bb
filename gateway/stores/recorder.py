"""Brings each exchange into the ledger, the day's use and the metrics, under names that are safe to keep."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from gateway.core.caps import midnight, stopped
from gateway.core.cost import PAID, Cost, Line, Subject, background, caller
from gateway.core.exchange import FhirRequest, Site
from gateway.stores.daily_use import DailyUse

#: A name that comes from a client is kept only so often: forged keys and GUIDs must not fill the ledger.
_SITES, _CALLERS = 5_000, 1_000
OTHERS = "others"
#: Lines that are made once a day; more are made more often.
_LINES = 20_000
_SURFACES = frozenset({"integrator", "desktop"})


class Books(Protocol):
    """Where lines are kept; see `stores/ledger.py`."""

    def add(self, line: Line, octets: int, queries: int = 1) -> None:
        """Count exchanges, and all their bytes."""
        ...


class Meter(Protocol):
    """What shows the figures of this process; see `web/metrics.py`."""

    def exchange(self, subject: Subject, cost: Cost, octets: int, queries: int = 1) -> None:
        """Exchanges, and all their bytes."""
        ...

    def asked(self, subject: Subject, seconds: float) -> None:
        """How long the upstream was asked."""
        ...

    def failure(self, subject: Subject, code: str) -> None:
        """A request that failed, by our code."""
        ...

    def repairs(self, subject: Subject, fired: Sequence[str], active: Sequence[str]) -> None:
        """Which repairs looked at an upstream's answer, and which of them found something to mend."""
        ...


class Caller(NamedTuple):
    """What the configuration says of a caller: its alias, and whether it is batch work."""

    name: str
    batch: bool = False


class Recorder:
    """Brings each exchange into the ledger, the day's use and the metrics.

    `callers` is by the caller's eight digits; `sites` finds a site by GUID, for what is not FHIR.
    """

    def __init__(
        self,
        books: Books,
        use: DailyUse,
        meter: Meter,
        *,
        sites: Callable[[str], Site | None] = lambda _: None,
        callers: Mapping[str, Caller] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._books = books
        self._use = use
        self._sites = sites
        self._callers = callers or {}
        self._now = now
        self._known_sites, self._known_callers = _Names(_SITES), _Names(_CALLERS)
        self._lines: dict[tuple[Subject, Cost], tuple[Line, datetime]] = {}
        self.meter = meter

    def subject(self, request: FhirRequest) -> Subject:
        """Who asks where about what; kept beside an answer, later hits are counted by it."""
        site, digits = self._site(request), caller(request.headers)
        found = self._callers.get(digits) or Caller(self._known_callers(digits))
        guid = self._known_sites(site.guid) if site else ""
        return Subject(
            guid,
            site.name if site and guid != OTHERS else guid,
            site.zone if site else UTC,
            found.name,
            request.interaction.type,
            request.interaction.code,
            found.batch or background(request.headers),
        )

    def count(
        self,
        subject: Subject,
        cost: Cost,
        octets: int = 0,
        seconds: float | None = None,
        *,
        queries: int = 1,
    ) -> None:
        """Count exchanges of this class, one unless `queries` says more; `octets` is the size of each.

        A hit takes nothing but this: two look-ups of a line that is made once a day.
        """
        now = self._now()
        line, end = self._lines.get((subject, cost)) or self._line(subject, cost, now)
        if now >= end:
            line, _ = self._line(subject, cost, now)
        octets *= queries
        self._books.add(line, octets, queries)
        self.meter.exchange(subject, cost, octets, queries)
        if cost in PAID:
            self._use.add(subject, cost, octets, now, queries)
        if seconds is not None:
            self.meter.asked(subject, seconds)

    def admit(self, subject: Subject) -> None:
        """Raises Failure 429 for batch work at a site whose cap is used up."""
        now = self._now()
        if self._use.stops(subject, now):
            raise stopped(now, subject.zone)

    def _line(self, subject: Subject, cost: Cost, now: datetime) -> tuple[Line, datetime]:
        """The line of today, and when the day ends."""
        if len(self._lines) >= _LINES:
            self._lines.clear()
        found = subject.line(cost, now), midnight(now, subject.zone)
        self._lines[subject, cost] = found
        return found

    def _site(self, request: FhirRequest) -> Site | None:
        surface, _, rest = request.path.partition("/sites/")
        named = request.site is None and surface in _SURFACES
        return self._sites(rest.partition("/")[0].lower()) if named else request.site


class _Names:
    """Names as they are until there are too many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()

    def __call__(self, name: str) -> str:
        if name not in self._seen and len(self._seen) >= self._most:
            return OTHERS
        self._seen.add(name)
        return name
