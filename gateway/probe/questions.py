"""The questions of a probe in the order of asking: the most telling first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.probe.clocks import KINDS
from gateway.probe.evidence import Known, Pairs
from gateway.probe.last_updated_labels import STAMP
from gateway.probe.question_builders import (
    Ask,
    ahead,
    any_of,
    at,
    clock,
    clocks,
    day,
    end,
    fixed,
    further,
    metadata,
    middle,
    on_partial,
    on_period,
    on_point,
    only,
    plain,
    sample,
    start,
)
from gateway.probe.records import DATED
from gateway.probe.verdicts import joins


@dataclass(frozen=True)
class Question:
    """One question: its id among the answers, and how it is put."""

    id: str
    ask: Ask


def _alone(known: Known) -> bool:
    return not joins(known)


def _inside(known: Known) -> bool:
    """Whether the middle of the Period is known to be found."""
    return "yes" in (known.verdict("period.inside"), known.verdict("period.ge"))


def _uncertain(known: Known) -> bool:
    return known.verdict("period.inside") != "yes"


def _listed(known: Known) -> bool:
    return _inside(known) and known.verdict("comma") == "yes"


def _singly(known: Known) -> bool:
    """Whether what lies outside must be asked one by one: no list is taken, or one of it was found."""
    return _inside(known) and known.verdict("period.outside") != "no"


def _all_singly(known: Known) -> bool:
    return _inside(known) and _uncertain(known)


def _after(known: Known) -> bool:
    return _singly(known) and "refused" not in (known.verdict("period.sa"), known.verdict("period.eb"))


def _all_after(known: Known) -> bool:
    return _after(known) and _uncertain(known)


_LATE, _EARLY = fixed("ge1900-01-01"), fixed("lt1900-01-01")
"""What every record meets, and what none does."""

_SAMPLES: Final[dict[str, Pairs]] = {
    "Observation": (("_sort", "-_lastUpdated"),),
    "Encounter": (("date", "ge1753-01-01"),),
    "Appointment": (("_sort", "-date"),),
    "Condition": (("onset-date:missing", "false"),),
    "Patient": (("halo-gateway-probe", "1"),),
}
"""What the first page of a type asks for besides."""

_POINT: Final[dict[str, Ask]] = {
    "before": on_point(at("lt")),
    "after": on_point(at("ge", 1)),
    "from": only(_alone, on_point(at("ge"))),
    "until": only(_alone, on_point(at("lt", 1))),
    "comma": on_point(fixed("lt1900-01-01,ge1900-01-01,lt1900-01-01")),
    "eq-day": on_point(day("eq")),
    "gt-day": on_point(day("gt")),
    "le": on_point(at("le")),
}
_PERIOD: Final[dict[str, Ask]] = {
    "inside": on_period(joins, middle("ge"), end("gt", -1), start("sa", -1), end("eb", 1)),
    "ge": on_period(_uncertain, middle("ge")),
    "eq": on_period(_inside, middle("eq")),
    "outside": on_period(_listed, any_of(end("gt"), start("sa"), end("eb"))),
    "gt": on_period(_singly, end("gt")),
    "gt-inside": on_period(_all_singly, end("gt", -1)),
    "sa": on_period(_singly, start("sa")),
    "eb": on_period(_after, end("eb")),
    "sa-inside": on_period(_all_after, start("sa", -1)),
    "eb-inside": on_period(_all_after, end("eb", 1)),
}
_PARTIAL: Final[dict[str, Ask]] = {
    "first": on_partial(at("ge"), at("lt", 1)),
    "later": on_partial(at("ge", 1)),
}


def _table() -> Iterator[Question]:
    point, span, *others = _SAMPLES
    yield Question("metadata", metadata)
    for kind, also in _SAMPLES.items():
        yield Question(f"{kind}.sample", sample(kind, also))
        yield Question(f"{kind}.plain", plain(kind))
    yield Question("repeats", on_point(_LATE, _EARLY, _LATE))
    yield from _clocks(point)
    yield from _named("", _POINT)
    yield from _clocks(span)
    yield from _named("period.", _PERIOD)
    for kind in others:
        yield from _clocks(kind)
    yield from _named("partial.", _PARTIAL)
    yield from (Question(f"{kind}.ahead", ahead(kind)) for kind in _SAMPLES)
    for kind in KINDS[len(_SAMPLES) :]:
        yield Question(f"{kind}.sample", further(kind))
        yield from _clocks(kind)
        yield Question(f"{kind}.ahead", ahead(kind))


def _named(group: str, questions: dict[str, Ask]) -> Iterator[Question]:
    return (Question(f"{group}{name}", ask) for name, ask in questions.items())


def _clocks(kind: str) -> Iterator[Question]:
    """The clocks of a type: all at once, then each by itself where that finds nothing."""
    yield Question(f"{kind}.clocks", clocks(kind))
    for code, readings in ((STAMP, 3), *((code, 2) for code in DATED.get(kind, ()))):
        yield from (Question(f"{kind}.{code}.{each + 1}", clock(kind, code)) for each in range(readings))


QUESTIONS: Final = tuple(_table())
"""Every question there is."""
