"""The clock behind each date column, and how `meta.lastUpdated` is labelled, with the evidence for both."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Final, NamedTuple

from gateway.dates.instants import LabelMode, column_zone
from gateway.dates.registry import date_parameter
from gateway.dates.support import MAY_BE_PARTIAL, Precision
from gateway.probe.clocks import PROBED_TYPES, Clock, Reading, confirmed_reading, dated_record
from gateway.probe.evidence import Evidence
from gateway.probe.finding import Finding
from gateway.probe.last_updated_labels import (
    LAST_UPDATED,
    LastUpdated,
    has_daylight_saving,
    is_daylight_saving,
    is_in_future,
    is_mislabelled,
    sampled_last_updated,
)
from gateway.probe.records import DATE_PARAMETERS, parameter_values, point_record
from gateway.probe.verdicts import clock_of

_CLOCK_UNKNOWN: Final = "no answer shows its clock"
_LABEL_TEXTS: Final = {
    "none": "no offset",
    "utc": "Z",
    "offset": "the site's offset",
    "fixed": "standard offset",
}
_OFFSET_LABELS: Final = frozenset({"fixed", "offset"})
_SINGLE_BOUND_VERDICTS: Final = (("before", "no"), ("from", "yes"), ("until", "yes"), ("after", "no"))


class _LabelMeaning(NamedTuple):
    mode: LabelMode | None
    clock: Clock


_LABEL_MEANINGS: Final[Mapping[tuple[str, Reading], _LabelMeaning]] = {
    ("none", "as-shown"): _LabelMeaning("naive", "site"),
    ("none", "to-site"): _LabelMeaning("utc-labelled-local", "site"),
    ("none", "to-utc"): _LabelMeaning("naive", "utc"),
    ("utc", "as-shown"): _LabelMeaning(None, "utc"),
    ("utc", "to-site"): _LabelMeaning("ok", "site"),
    ("utc", "to-utc"): _LabelMeaning("local-labelled-utc", "utc"),
    ("offset", "as-shown"): _LabelMeaning("ok", "site"),
    ("offset", "to-site"): _LabelMeaning("utc-labelled-local", "site"),
    ("offset", "to-utc"): _LabelMeaning("ok", "utc"),
    ("fixed", "as-shown"): _LabelMeaning("fixed-standard-offset", "site"),
    ("fixed", "to-site"): _LabelMeaning("utc-labelled-local", "site"),
    ("fixed", "to-utc"): _LabelMeaning("fixed-standard-offset", "utc"),
}
"""Label, confirmed reading -> what is right: the digits' meaning and the clock of the column."""


def column_findings(evidence: Evidence) -> Iterator[Finding]:
    """Clocks of date columns, then modes and clocks of `_lastUpdated`, for every type with a record."""
    for kind in PROBED_TYPES:
        for code in DATE_PARAMETERS.get(kind, ()):
            yield from _date_column_findings(evidence, kind, code)
        yield from _last_updated_findings(evidence, kind)


def _date_column_findings(evidence: Evidence, resource_type: str, code: str) -> Iterator[Finding]:
    record = dated_record(evidence, resource_type)
    if record is None or code not in record.candidate_seconds:
        return
    clock = clock_of(evidence, resource_type, code) or _clock_from_single_bounds(evidence, resource_type)
    why = "a record is found at its own second on that clock" if clock else _CLOCK_UNKNOWN
    yield _column_finding(evidence, f"{resource_type}.{code}", clock, why, default_clock="site")


def _clock_from_single_bounds(evidence: Evidence, resource_type: str) -> Clock | None:
    record = point_record(evidence)
    bounded = all(evidence.verdict(question) == wanted for question, wanted in _SINGLE_BOUND_VERDICTS)
    return "site" if record and record.resource_type == resource_type and bounded else None


def _column_finding(
    evidence: Evidence, key: str, clock: Clock | None, reason: str, *, default_clock: Clock
) -> Finding:
    value = {"utc": "UTC", "site": evidence.zone.key, None: None}[clock]
    return Finding("search.column_time_zones", key, value, reason, is_default=clock == default_clock)


def _last_updated_findings(evidence: Evidence, resource_type: str) -> Iterator[Finding]:
    found, record = sampled_last_updated(evidence, resource_type), dated_record(evidence, resource_type)
    if not found or record is None:
        return
    seen = f"{len(found)} of {len(evidence.sample_records(resource_type))} seen with"
    kinds = {_label_kind(evidence, each) for each in found}
    label = (
        next(iter(kinds))
        if len(kinds) == 1
        else _offset_label(evidence, found)
        if kinds == _OFFSET_LABELS
        else ""
    )
    mode, clock, why = _interpret_label(
        evidence, resource_type, label, confirmed_reading(evidence, resource_type, LAST_UPDATED)
    )
    yield Finding(
        "last_updated_input",
        resource_type,
        mode,
        f"{seen} {_LABEL_TEXTS.get(label, 'labels of several kinds')}; {why}",
    )
    if clock:
        usual: Clock = "utc" if column_zone(mode or "ok", evidence.zone) is UTC else "site"
        yield _column_finding(
            evidence,
            f"{resource_type}.{LAST_UPDATED}",
            clock,
            "the clock of the digits searched",
            default_clock=usual,
        )


def _interpret_label(
    evidence: Evidence, resource_type: str, label: str, reading: Reading | None
) -> tuple[LabelMode | None, Clock | None, str]:
    found = sampled_last_updated(evidence, resource_type)
    if label == "utc" and _is_ahead(evidence, resource_type, found):
        return "local-labelled-utc", "site" if reading == "as-shown" else None, "and in the future"
    if not label or reading is None:
        return None, None, _CLOCK_UNKNOWN
    mode, clock = _LABEL_MEANINGS[label, reading]
    if mode is None:
        return None, clock, _UNDECIDED_TEXT
    if label == "offset" and mode == "ok" and not _can_exclude_fixed_offset(evidence, found):
        return None, clock, "none from daylight saving time, so a fixed offset would look the same"
    if label == "offset" and reading == "as-shown" and not _is_ahead(evidence, resource_type, found):
        return None, clock, _UNDECIDED_TEXT
    return mode, clock, _READING_TEXTS[reading]


_UNDECIDED_TEXT: Final = (
    "the column holds these digits, of UTC or of the site's clock: probe again just after a record was saved"
)
_READING_TEXTS: Final[Mapping[Reading, str]] = {
    "as-shown": "the column holds the digits shown",
    "to-site": "the column holds the site's time for digits of UTC",
    "to-utc": "the column holds UTC for digits of the site's clock",
}


def _is_ahead(evidence: Evidence, resource_type: str, samples: list[LastUpdated]) -> bool:
    return evidence.verdict(f"{resource_type}.ahead") == "yes" or any(
        is_in_future(evidence, each) for each in samples
    )


def _can_exclude_fixed_offset(evidence: Evidence, samples: list[LastUpdated]) -> bool:
    """Whether a fixed offset would have been noticed: a stamp from summer, or a zone without one."""
    return any(is_daylight_saving(evidence.zone, each) for each in samples) or not has_daylight_saving(
        evidence
    )


def _offset_label(evidence: Evidence, samples: list[LastUpdated]) -> str:
    """A fixed offset is wrong all summer long; a single wrong one stands near a change of the clock."""
    summer = [_label_kind(evidence, each) for each in samples if is_daylight_saving(evidence.zone, each)]
    return "offset" if "offset" in summer else "fixed"


def _label_kind(evidence: Evidence, last_updated: LastUpdated) -> str:
    if last_updated.offset is None:
        return "none"
    return (
        "utc" if last_updated.is_utc else "fixed" if is_mislabelled(evidence.zone, last_updated) else "offset"
    )


_COARSEST_FIRST: Final[tuple[Precision, ...]] = ("mixed-year", "mixed-month", "mixed-day", "frac", "second")
_PRECISION_BY_LENGTH: Final[dict[int, Precision]] = {4: "mixed-year", 7: "mixed-month", 10: "mixed-day"}


def precision_findings(evidence: Evidence) -> Iterator[Finding]:
    """The coarsest value seen per parameter.

    That such values exist is certain; that no others do is not, so whole seconds, and points where a Period
    may stand, are only suggested.
    """
    for kind in PROBED_TYPES:
        for code in DATE_PARAMETERS.get(kind, ()):
            yield from _parameter_precision(evidence, kind, code)


def _parameter_precision(evidence: Evidence, resource_type: str, code: str) -> Iterator[Finding]:
    values = [
        value
        for resource in evidence.sample_records(resource_type)
        for value in parameter_values(resource, resource_type, code)
    ]
    parameter = date_parameter(resource_type, code)
    if not parameter or not values or any(path == "Period" for path, _ in values):
        return
    counts = Counter(_text_precision(str(value)) for _, value in values)
    coarsest = next(each for each in _COARSEST_FIRST if counts[each])
    why = f"{counts[coarsest]} of {len(values)} seen are so"
    certain = (
        parameter.kind != "range" and coarsest != "second" and (resource_type, code) not in MAY_BE_PARTIAL
    )
    yield Finding("search.date_precision", f"{resource_type}.{code}", coarsest, why, certain)


def _text_precision(text: str) -> Precision:
    return _PRECISION_BY_LENGTH.get(len(text), "frac" if "." in text else "second")
