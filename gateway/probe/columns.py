"""Findings about date columns: clock, precision, and labels of `meta.lastUpdated`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from gateway.dates.instants import LabelMode
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

_CLOCK_UNKNOWN: Final = "no response shows its clock"
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


#: Label and confirmed reading -> meaning of the label and clock of the column.
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


def column_findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield clocks of date columns, and label modes and clocks of `_lastUpdated`, of types with a record."""
    for resource_type in PROBED_TYPES:
        for code in DATE_PARAMETERS.get(resource_type, ()):
            yield from _date_column_findings(evidence, resource_type, code)
        yield from _last_updated_findings(evidence, resource_type)


def _date_column_findings(evidence: Evidence, resource_type: str, code: str) -> Iterator[Finding]:
    record = dated_record(evidence, resource_type)
    if record is None or code not in record.candidate_seconds:
        return
    clock = clock_of(evidence, resource_type, code) or _clock_from_single_bounds(evidence, resource_type)
    reason = "a record matches its own second on that clock" if clock else _CLOCK_UNKNOWN
    yield _column_finding(evidence, f"{resource_type}.{code}", clock, reason)


def _clock_from_single_bounds(evidence: Evidence, resource_type: str) -> Clock | None:
    record = point_record(evidence)
    is_bounded = all(evidence.verdict(question) == verdict for question, verdict in _SINGLE_BOUND_VERDICTS)
    return "site" if record and record.resource_type == resource_type and is_bounded else None


def _column_finding(evidence: Evidence, key: str, clock: Clock | None, reason: str) -> Finding:
    value = {"utc": "UTC", "site": evidence.zone.key, None: None}[clock]
    return Finding("search.column_time_zones", key, value, reason)


def _last_updated_findings(evidence: Evidence, resource_type: str) -> Iterator[Finding]:
    samples = sampled_last_updated(evidence, resource_type)
    if not samples or dated_record(evidence, resource_type) is None:
        return
    label = _common_label(evidence, samples)
    reading = confirmed_reading(evidence, resource_type, LAST_UPDATED)
    mode, clock, reason = _interpret_label(evidence, resource_type, label, reading)
    count = f"{len(samples)} of {len(evidence.sample_records(resource_type))} records"
    label_text = _LABEL_TEXTS.get(label, "labels of several kinds")
    yield Finding("last_updated_input", resource_type, mode, f"{count} have {label_text}; {reason}")
    if clock:
        key = f"{resource_type}.{LAST_UPDATED}"
        yield _column_finding(evidence, key, clock, "the digits match on that clock")


def _common_label(evidence: Evidence, samples: list[LastUpdated]) -> str:
    """Return the kind of all labels; empty if they differ in kind."""
    kinds = {_label_kind(evidence, last_updated) for last_updated in samples}
    if len(kinds) == 1:
        return kinds.pop()
    return _offset_label(evidence, samples) if kinds == _OFFSET_LABELS else ""


def _interpret_label(
    evidence: Evidence, resource_type: str, label: str, reading: Reading | None
) -> tuple[LabelMode | None, Clock | None, str]:
    samples = sampled_last_updated(evidence, resource_type)
    if label == "utc" and _is_ahead(evidence, resource_type, samples):
        return (
            "local-labelled-utc",
            "site" if reading == "as-shown" else None,
            "some values are in the future",
        )
    if not label or reading is None:
        return None, None, _CLOCK_UNKNOWN
    mode, clock = _LABEL_MEANINGS[label, reading]
    if mode is None:
        return None, clock, _UNDECIDED_TEXT
    if label == "offset" and mode == "ok" and not _can_exclude_fixed_offset(evidence, samples):
        return None, clock, "none is from daylight saving time, so a fixed offset would look the same"
    if label == "offset" and reading == "as-shown" and not _is_ahead(evidence, resource_type, samples):
        return None, clock, _UNDECIDED_TEXT
    return mode, clock, _READING_TEXTS[reading]


_UNDECIDED_TEXT: Final = (
    "the column contains these digits, as UTC or the site's time: probe again just after a record was saved"
)
_READING_TEXTS: Final[Mapping[Reading, str]] = {
    "as-shown": "the column contains the digits shown",
    "to-site": "the column contains the site's time for digits of UTC",
    "to-utc": "the column contains UTC for digits of the site's time",
}


def _is_ahead(evidence: Evidence, resource_type: str, samples: list[LastUpdated]) -> bool:
    return evidence.verdict(f"{resource_type}.ahead") == "yes" or any(
        is_in_future(evidence, last_updated) for last_updated in samples
    )


def _can_exclude_fixed_offset(evidence: Evidence, samples: list[LastUpdated]) -> bool:
    """Whether a fixed offset would show: a sample is from daylight saving time, or the site has none."""
    return not has_daylight_saving(evidence) or any(
        is_daylight_saving(evidence.zone, last_updated) for last_updated in samples
    )


def _offset_label(evidence: Evidence, samples: list[LastUpdated]) -> str:
    """Return `fixed` if all samples from daylight saving time have the standard offset, else `offset`.

    A few wrong offsets near a change of the clock do not mean a fixed offset.
    """
    summer = [sample for sample in samples if is_daylight_saving(evidence.zone, sample)]
    return "offset" if any(_label_kind(evidence, sample) == "offset" for sample in summer) else "fixed"


def _label_kind(evidence: Evidence, last_updated: LastUpdated) -> str:
    if last_updated.offset is None:
        return "none"
    if last_updated.is_utc:
        return "utc"
    return "fixed" if is_mislabelled(evidence.zone, last_updated) else "offset"


_COARSEST_FIRST: Final[tuple[Precision, ...]] = ("mixed-year", "mixed-month", "mixed-day", "frac", "second")
_PRECISION_BY_LENGTH: Final[dict[int, Precision]] = {4: "mixed-year", 7: "mixed-month", 10: "mixed-day"}


def precision_findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the coarsest precision in the sample, by parameter.

    The sample shows that such values exist, but not that others do not. So a precision of whole seconds, and
    that of a parameter whose values may be Periods, is not certain.
    """
    for resource_type in PROBED_TYPES:
        for code in DATE_PARAMETERS.get(resource_type, ()):
            yield from _parameter_precision(evidence, resource_type, code)


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
    coarsest = next(precision for precision in _COARSEST_FIRST if counts[precision])
    reason = f"{counts[coarsest]} of {len(values)} sampled values"
    is_certain = (
        parameter.kind != "range" and coarsest != "second" and (resource_type, code) not in MAY_BE_PARTIAL
    )
    yield Finding("search.date_precision", f"{resource_type}.{code}", coarsest, reason, is_certain)


def _text_precision(text: str) -> Precision:
    return _PRECISION_BY_LENGTH.get(len(text), "frac" if "." in text else "second")
