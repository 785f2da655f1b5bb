"""Brings each exchange into the ledger, the day's use and the metrics, under names that are safe to keep."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from gateway.exchange import FhirRequest, Headers, Site
from gateway.fhir.interaction import Interaction
from gateway.http.callers import background, caller
from gateway.ledger.caps import midnight, stopped
from gateway.ledger.cost import PAID, Cost, Line, Subject
from gateway.ledger.daily_usage import DailyUse

#: A name that comes from a client is kept only so often: forged keys and GUIDs must not fill the ledger.
_SITES, _CALLERS = 5_000, 1_000
OTHERS = "others"
#: Lines that are made once a day; more are made more often.
_LINES = 20_000
_SURFACES = frozenset({"integrator", "desktop"})


class Books(Protocol):
    """Where lines are kept; see `ledger/ledger.py`."""

    def add(self, line: Line, octets: int, queries: int = 1) -> None:
        """Count exchanges, and all their bytes."""
        ...


class Meter(Protocol):
    """What shows the figures of this process; see `telemetry/metrics.py`."""

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


class Known(NamedTuple):
    """What the configuration names: callers by their eight digits, and sites by GUID.

    These keep their lines, however many names clients make up.
    """

    callers: Mapping[str, Caller]
    sites: Collection[str] = ()


NOBODY = Known({})


class Recorder:
    """Brings each exchange into the ledger, the day's use and the metrics.

    `sites` finds a site by GUID, for what is not FHIR.
    """

    def __init__(
        self,
        books: Books,
        use: DailyUse,
        meter: Meter,
        *,
        sites: Callable[[str], Site | None] = lambda _: None,
        known: Known = NOBODY,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._books = books
        self._use = use
        self._sites = sites
        self._callers = known.callers
        self._now = now
        self._known_sites, self._known_callers = _Names(_SITES, known.sites), _Names(_CALLERS)
        self._lines: dict[tuple[Subject, Cost], tuple[Line, datetime]] = {}
        self._begun: dict[object, tuple[Subject, Cost]] = {}
        self.meter = meter

    def subject(self, request: FhirRequest) -> Subject:
        """Who asks where about what; kept beside an answer, later hits are counted by it."""
        return self._subject(self._site(request), request.headers, request.interaction)

    def refuse(self, site: Site | None, headers: Headers, act: Interaction, code: str) -> None:
        """Count a request refused before it was read, for free, at a site that is known already or none."""
        known = site if site and self._known_sites.holds(site.guid) else None
        subject = self._subject(known, headers, act)
        self.count(subject, Cost.FREE)
        self.meter.failure(subject, code)

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

    def begin(self, subject: Subject, cost: Cost) -> object:
        """An exchange with an upstream, to be ended; until then it is of this class."""
        exchange = object()
        self._begun[exchange] = subject, cost
        return exchange

    def end(self, exchange: object, cost: Cost, octets: int, seconds: float) -> None:
        """Count an exchange that was begun, and not settled before."""
        begun = self._begun.pop(exchange, None)
        if begun is not None:
            self.count(begun[0], cost, octets, seconds)

    def settle(self) -> None:
        """Count what has not ended: for the end of the process, which such exchanges do not outlive."""
        while self._begun:
            self.count(*self._begun.popitem()[1])

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

    def _subject(self, site: Site | None, headers: Headers, act: Interaction) -> Subject:
        digits = caller(headers)
        found = self._callers.get(digits) or Caller(self._known_callers(digits))
        guid = self._known_sites(site.guid) if site else ""
        return Subject(
            guid,
            site.name if site and guid != OTHERS else guid,
            site.zone if site else UTC,
            found.name,
            act.type,
            act.code,
            found.batch or background(headers),
        )

    def _site(self, request: FhirRequest) -> Site | None:
        surface, _, rest = request.path.partition("/sites/")
        named = request.site is None and surface in _SURFACES
        return self._sites(rest.partition("/")[0].lower()) if named else request.site


class _Names:
    """Names as they are until there are too many beside those given."""

    def __init__(self, most: int, given: Collection[str] = ()) -> None:
        self._seen = set(given)
        self._most = most + len(self._seen)

    def holds(self, name: str) -> bool:
        """Whether a name is kept already."""
        return name in self._seen

    def __call__(self, name: str) -> str:
        if name not in self._seen and len(self._seen) >= self._most:
            return OTHERS
        self._seen.add(name)
        return name
