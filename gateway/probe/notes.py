"""What a probe learnt beyond settings, a sentence each."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gateway.probe.evidence import Known, Verdict
from gateway.probe.verdicts import dropped, joins

_Say = Callable[[Known], Iterator[str]]

_MODELS: Final[Mapping[tuple[Verdict, Verdict], str]] = {
    ("no", "yes"): "dates are compared as plain SQL does (naive-sql): a day means its midnight",
    ("yes", "no"): "dates are compared as R4's ranges; above a day begins after it (reading A)",
    ("yes", "yes"): "dates are compared as R4's ranges; above a day begins with it (reading B)",
}
_PARTIAL: Final[Mapping[tuple[Verdict, Verdict], str]] = {
    ("yes", "no"): "as the first instant of their year or month",
    ("yes", "yes"): "as the whole year or month",
    ("no", "no"): "not at all: no condition finds them",
}


def notes(known: Known) -> tuple[str, ...]:
    """The sentences; those that warn are in capitals."""
    return tuple(text for each in _NOTES for text in each(known))


def _bounds(known: Known) -> Iterator[str]:
    if dropped(known):
        yield "DATE CONDITIONS ARE IGNORED: lt and ge found the same record; no date search can be trusted"
    elif (known.verdict("before"), known.verdict("after")) == ("no", "no"):
        yield "ge and lt bound a known second on both sides"
    elif any(page.verdict == "unclear" for page in known.pages.values()):
        yield "_id IS NOT APPLIED: questions about one record cannot be answered"


def _echo(known: Known) -> Iterator[str]:
    page = known.pages.get("repeats")
    if page and joins(known) and page.echoes is not None:
        yield f"link[self] {'lists' if page.echoes else 'DOES NOT LIST'} all repeats of a parameter"


def _model(known: Known) -> Iterator[str]:
    model = _MODELS.get((known.verdict("eq-day"), known.verdict("gt-day")))
    if model and not dropped(known):
        yield model
    if known.verdict("le") == "no":
        yield "columns hide fractions of a second: le to the second misses what it shows"


def _partial(known: Known) -> Iterator[str]:
    text = _PARTIAL.get((known.verdict("partial.first"), known.verdict("partial.later")))
    if text:
        yield f"partial dates (Condition.onset-date) are compared {text}"


def _besides(kind: str, what: str, outcome: Callable[[Known], str] | None = None) -> _Say:
    """A sentence on what the first page of a type was asked for besides."""

    def say(known: Known) -> Iterator[str]:
        page = known.pages.get(f"{kind}.sample")
        if page and page.refused:
            yield f"{what}: refused" if known.sample(kind) else f"{kind}: searches are refused"
        elif page and page.resources:
            yield f"{what}: {outcome(known) if outcome else _applied(page.echoes)}"

    return say


def _applied(echoes: bool | None) -> str:
    return "accepted, but missing from link[self]" if echoes is False else "accepted"


def _ignored(known: Known) -> str:
    page = known.pages["Patient.sample"]
    return "ignored with a warning" if page.warned else "ignored without a word"


def _sorted(known: Known) -> str:
    starts = [str(each.get("start", "")) for each in known.pages["Appointment.sample"].resources]
    return "newest first" if starts == sorted(starts, reverse=True) else "NOT IN ORDER"


_NOTES: Final[tuple[_Say, ...]] = (
    _bounds,
    _echo,
    _model,
    _partial,
    _besides("Patient", "an unknown parameter", _ignored),
    _besides("Appointment", "_sort=-date", _sorted),
    _besides("Observation", "_sort=-_lastUpdated"),
    _besides("Encounter", "date=ge1753-01-01"),
    _besides("Condition", "onset-date:missing"),
)
