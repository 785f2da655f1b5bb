"""How the questions of a probe are put, given what is known; None where there is nothing to ask."""

from collections.abc import Callable
from typing import Final

from gateway.dates.bounds import day_text, second_text, seconds
from gateway.dates.value import DAY
from gateway.probe.clocks import dated, matched, untried
from gateway.probe.evidence import Asked, Known, Pairs
from gateway.probe.last_updated_labels import SKEW, STAMP, future, stamps
from gateway.probe.records import PARTIAL, PERIOD, partial, period, point
from gateway.probe.verdicts import clock_of, dropped, joins

Ask = Callable[[Known], Asked | None]
Needed = Callable[[Known], bool]

_COUNT: Final = "20"
_FEW: Final = "10"


def metadata(_: Known) -> Asked:
    """The CapabilityStatement, which Halo does not bill."""
    return Asked("metadata")


def sample(kind: str, also: Pairs) -> Ask:
    """A page of a type, asking for something else besides."""
    return lambda _: Asked(kind, (*also, ("_count", _COUNT)))


def plain(kind: str) -> Ask:
    """The plain page of a type where that was refused or found nothing."""

    def ask(known: Known) -> Asked | None:
        page = known.pages.get(f"{kind}.sample")
        return Asked(kind, (("_count", _COUNT),)) if page and not page.resources else None

    return ask


def further(kind: str) -> Ask:
    """A small page of a type that the site declares, as long as there is something to ask of it."""

    def ask(known: Known) -> Asked | None:
        askable = _declared(known, kind) and joins(known) and not dropped(known)
        return Asked(kind, (("_count", _FEW),)) if askable else None

    return ask


def on_point(*write: Callable[[int], str]) -> Ask:
    """Conditions on the one second that a known record shows, on the clock of its column."""

    def ask(known: Known) -> Asked | None:
        record = point(known)
        if record is None or dropped(known):
            return None
        at = record.at.on(clock_of(known, record.kind, "date") or "site")
        return _about(record.kind, record.id, tuple(("date", each(at)) for each in write))

    return ask


def clocks(kind: str) -> Ask:
    """All dates of one record at once, each on the clock it is likely to keep."""

    def ask(known: Known) -> Asked | None:
        record = dated(known, kind)
        if record is None or not joins(known) or dropped(known):
            return None
        values = {code: untried(known, record, code) for code in record.values}
        pairs = [record.second(code, value) for code, value in values.items() if value is not None]
        return _about(kind, record.id, tuple(pair for each in pairs for pair in each))

    return ask


def clock(kind: str, code: str) -> Ask:
    """One date of that record, read in the likeliest of the ways left."""

    def ask(known: Known) -> Asked | None:
        record = dated(known, kind)
        if record is None or known.verdict(f"{kind}.clocks") in {"yes", "unasked"} or dropped(known):
            return None
        value = untried(known, record, code)
        return None if value is None else _about(kind, record.id, record.second(code, value))

    return ask


def ahead(kind: str) -> Ask:
    """Whether a column that holds the digits shown holds more than UTC has reached: they are the site's."""

    def ask(known: Known) -> Asked | None:
        told = any(future(known, each) for each in stamps(known, kind))
        if told or dropped(known) or matched(known, kind, STAMP) != "as-shown":
            return None
        soon = second_text(int(seconds(known.now)) + SKEW)
        return Asked(kind, ((STAMP, f"ge{soon}"), ("_count", "1")))

    return ask


def on_period(needed: Needed, *write: Callable[[int, int], str]) -> Ask:
    """Conditions on the start and end of a known Encounter, on the clock of the column."""

    def ask(known: Known) -> Asked | None:
        record, column = period(known), clock_of(known, *PERIOD)
        if record is None or column is None or dropped(known) or not needed(known):
            return None
        start, end = record.start.on(column), record.end.on(column)
        return _about(PERIOD[0], record.id, tuple((PERIOD[1], each(start, end)) for each in write))

    return ask


def on_partial(*write: Callable[[int], str]) -> Ask:
    """Conditions on the first second of a bare year or month that a known Condition shows as onset."""

    def ask(known: Known) -> Asked | None:
        found = partial(known)
        if found is None or dropped(known) or not joins(known):
            return None
        return _about(PARTIAL[0], found[0], tuple((PARTIAL[1], each(found[1])) for each in write))

    return ask


def only(needed: Needed, ask: Ask) -> Ask:
    """The question, where it is needed."""
    return lambda known: ask(known) if needed(known) else None


def fixed(text: str) -> Callable[[int], str]:
    """A value that does not depend on the record."""
    return lambda _: text


def at(prefix: str, after: int = 0) -> Callable[[int], str]:
    """The second, or some seconds after it."""
    return lambda second: f"{prefix}{second_text(second + after)}"


def day(prefix: str) -> Callable[[int], str]:
    """The day of the second."""
    return lambda second: f"{prefix}{day_text(second // DAY * DAY)}"


def start(prefix: str, after: int = 0) -> Callable[[int, int], str]:
    """The start of a Period, or some seconds after it."""
    return lambda first, _: f"{prefix}{second_text(first + after)}"


def end(prefix: str, after: int = 0) -> Callable[[int, int], str]:
    """The end of a Period, or some seconds after it."""
    return lambda _, last: f"{prefix}{second_text(last + after)}"


def middle(prefix: str) -> Callable[[int, int], str]:
    """The middle of a Period."""
    return lambda first, last: f"{prefix}{second_text((first + last) // 2)}"


def any_of(*write: Callable[[int, int], str]) -> Callable[[int, int], str]:
    """A comma list."""
    return lambda first, last: ",".join(each(first, last) for each in write)


def _about(kind: str, identity: str, pairs: Pairs) -> Asked | None:
    return Asked(kind, (("_id", identity), *pairs), identity) if pairs else None


def _declared(known: Known, kind: str) -> bool:
    return any(each.get("type") == kind for each in known.declared)
