"""The clock behind each date column, and how `meta.lastUpdated` is labelled, with the evidence for both."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Final, NamedTuple

from gateway.dates.instants import Mode, column_zone
from gateway.dates.registry import date_parameter
from gateway.dates.support import PARTIAL, Precision
from gateway.probe.clocks import KINDS, Clock, Reading, dated, matched
from gateway.probe.evidence import Known
from gateway.probe.finding import Finding
from gateway.probe.last_updated_labels import (
    STAMP,
    Stamp,
    daylight,
    future,
    mislabelled,
    saves_daylight,
    stamps,
)
from gateway.probe.records import DATED, point, shown
from gateway.probe.verdicts import clock_of

_NOT_FOUND: Final = "no answer shows its clock"
_LABELS: Final = {"none": "no offset", "utc": "Z", "offset": "the site's offset", "fixed": "standard offset"}
_OFFSETS: Final = frozenset({"fixed", "offset"})
_SINGLES: Final = (("before", "no"), ("from", "yes"), ("until", "yes"), ("after", "no"))


class _Meaning(NamedTuple):
    mode: Mode | None
    clock: Clock


_MEANINGS: Final[Mapping[tuple[str, Reading], _Meaning]] = {
    ("none", "as-shown"): _Meaning("naive", "site"),
    ("none", "to-site"): _Meaning("utc-labelled-local", "site"),
    ("none", "to-utc"): _Meaning("naive", "utc"),
    ("utc", "as-shown"): _Meaning(None, "utc"),
    ("utc", "to-site"): _Meaning("ok", "site"),
    ("utc", "to-utc"): _Meaning("local-labelled-utc", "utc"),
    ("offset", "as-shown"): _Meaning("ok", "site"),
    ("offset", "to-site"): _Meaning("utc-labelled-local", "site"),
    ("offset", "to-utc"): _Meaning("ok", "utc"),
    ("fixed", "as-shown"): _Meaning("fixed-standard-offset", "site"),
    ("fixed", "to-site"): _Meaning("utc-labelled-local", "site"),
    ("fixed", "to-utc"): _Meaning("fixed-standard-offset", "utc"),
}
"""Label, confirmed reading -> what is right: the digits' meaning and the clock of the column."""


def column_findings(known: Known) -> Iterator[Finding]:
    """Clocks of date columns, then modes and clocks of `_lastUpdated`, for every type with a record."""
    for kind in KINDS:
        for code in DATED.get(kind, ()):
            yield from _date_column(known, kind, code)
        yield from _stamp_findings(known, kind)


def _date_column(known: Known, kind: str, code: str) -> Iterator[Finding]:
    record = dated(known, kind)
    if record is None or code not in record.values:
        return
    clock = clock_of(known, kind, code) or _by_singles(known, kind)
    why = "a record is found at its own second on that clock" if clock else _NOT_FOUND
    yield _column(known, f"{kind}.{code}", clock, why, usual="site")


def _by_singles(known: Known, kind: str) -> Clock | None:
    record = point(known)
    bounded = all(known.verdict(question) == wanted for question, wanted in _SINGLES)
    return "site" if record and record.kind == kind and bounded else None


def _column(known: Known, key: str, clock: Clock | None, why: str, *, usual: Clock) -> Finding:
    value = {"utc": "UTC", "site": known.zone.key, None: None}[clock]
    return Finding("search.columns", key, value, why, default=clock == usual)


def _stamp_findings(known: Known, kind: str) -> Iterator[Finding]:
    found, record = stamps(known, kind), dated(known, kind)
    if not found or record is None:
        return
    seen = f"{len(found)} of {len(known.sample(kind))} seen with"
    kinds = {_label(known, each) for each in found}
    label = next(iter(kinds)) if len(kinds) == 1 else _offset_label(known, found) if kinds == _OFFSETS else ""
    mode, clock, why = _meaning(known, kind, label, matched(known, kind, STAMP))
    yield Finding(
        "last_updated", kind, mode, f"{seen} {_LABELS.get(label, 'labels of several kinds')}; {why}"
    )
    if clock:
        usual: Clock = "utc" if column_zone(mode or "ok", known.zone) is UTC else "site"
        yield _column(known, f"{kind}.{STAMP}", clock, "the clock of the digits searched", usual=usual)


def _meaning(
    known: Known, kind: str, label: str, reading: Reading | None
) -> tuple[Mode | None, Clock | None, str]:
    found = stamps(known, kind)
    if label == "utc" and _is_ahead(known, kind, found):
        return "local-labelled-utc", "site" if reading == "as-shown" else None, "and in the future"
    if not label or reading is None:
        return None, None, _NOT_FOUND
    mode, clock = _MEANINGS[label, reading]
    if mode is None:
        return None, clock, _UNDECIDED
    if label == "offset" and mode == "ok" and not _told_apart(known, found):
        return None, clock, "none from daylight saving time, so a fixed offset would look the same"
    if label == "offset" and reading == "as-shown" and not _is_ahead(known, kind, found):
        return None, clock, _UNDECIDED
    return mode, clock, _WORDS[reading]


_UNDECIDED: Final = (
    "the column holds these digits, of UTC or of the site's clock: probe again just after a record was saved"
)
_WORDS: Final[Mapping[Reading, str]] = {
    "as-shown": "the column holds the digits shown",
    "to-site": "the column holds the site's time for digits of UTC",
    "to-utc": "the column holds UTC for digits of the site's clock",
}


def _is_ahead(known: Known, kind: str, found: list[Stamp]) -> bool:
    return known.verdict(f"{kind}.ahead") == "yes" or any(future(known, each) for each in found)


def _told_apart(known: Known, found: list[Stamp]) -> bool:
    """Whether a fixed offset would have been noticed: a stamp from summer, or a zone without one."""
    return any(daylight(known.zone, each) for each in found) or not saves_daylight(known)


def _offset_label(known: Known, found: list[Stamp]) -> str:
    """A fixed offset is wrong all summer long; a single wrong one stands near a change of the clock."""
    summer = [_label(known, each) for each in found if daylight(known.zone, each)]
    return "offset" if "offset" in summer else "fixed"


def _label(known: Known, each: Stamp) -> str:
    if each.offset is None:
        return "none"
    return "utc" if each.utc else "fixed" if mislabelled(known.zone, each) else "offset"


_ORDER: Final[tuple[Precision, ...]] = ("mixed-year", "mixed-month", "mixed-day", "frac", "second")
_BY_LENGTH: Final[dict[int, Precision]] = {4: "mixed-year", 7: "mixed-month", 10: "mixed-day"}


def precision_findings(known: Known) -> Iterator[Finding]:
    """The coarsest value seen per parameter.

    That such values exist is certain; that no others do is not, so whole seconds, and points where a Period
    may stand, are only suggested.
    """
    for kind in KINDS:
        for code in DATED.get(kind, ()):
            yield from _finding(known, kind, code)


def _finding(known: Known, kind: str, code: str) -> Iterator[Finding]:
    values = [value for resource in known.sample(kind) for value in shown(resource, kind, code)]
    parameter = date_parameter(kind, code)
    if not parameter or not values or any(path == "Period" for path, _ in values):
        return
    counts = Counter(_precision(str(value)) for _, value in values)
    coarsest = next(each for each in _ORDER if counts[each])
    why = f"{counts[coarsest]} of {len(values)} seen are so"
    certain = parameter.kind != "range" and coarsest != "second" and (kind, code) not in PARTIAL
    yield Finding("search.precision", f"{kind}.{code}", coarsest, why, certain)


def _precision(text: str) -> Precision:
    return _BY_LENGTH.get(len(text), "frac" if "." in text else "second")
