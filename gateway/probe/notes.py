"""What a probe learnt beyond settings, a sentence each."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gateway.probe.evidence import Evidence, Verdict
from gateway.probe.verdicts import can_repeat_parameters, has_ignored_dates

_NoteWriter = Callable[[Evidence], Iterator[str]]

_COMPARISON_TEXTS: Final[Mapping[tuple[Verdict, Verdict], str]] = {
    ("no", "yes"): "dates are compared as plain SQL does (naive-sql): a day means its midnight",
    ("yes", "no"): "dates are compared as R4's ranges; above a day begins after it (reading A)",
    ("yes", "yes"): "dates are compared as R4's ranges; above a day begins with it (reading B)",
}
_PARTIAL_DATE_TEXTS: Final[Mapping[tuple[Verdict, Verdict], str]] = {
    ("yes", "no"): "as the first instant of their year or month",
    ("yes", "yes"): "as the whole year or month",
    ("no", "no"): "not at all: no condition finds them",
}


def behaviour_notes(evidence: Evidence) -> tuple[str, ...]:
    """The sentences; those that warn are in capitals."""
    return tuple(text for each in _NOTE_WRITERS for text in each(evidence))


def _bounds_note(evidence: Evidence) -> Iterator[str]:
    if has_ignored_dates(evidence):
        yield "DATE CONDITIONS ARE IGNORED: lt and ge found the same record; no date search can be trusted"
    elif (evidence.verdict("before"), evidence.verdict("after")) == ("no", "no"):
        yield "ge and lt bound a known second on both sides"
    elif any(page.verdict == "unclear" for page in evidence.responses.values()):
        yield "_id IS NOT APPLIED: questions about one record cannot be answered"


def _self_link_note(evidence: Evidence) -> Iterator[str]:
    page = evidence.responses.get("repeats")
    if page and can_repeat_parameters(evidence) and page.has_complete_self_link is not None:
        verb = "lists" if page.has_complete_self_link else "DOES NOT LIST"
        yield f"link[self] {verb} all repeats of a parameter"


def _comparison_note(evidence: Evidence) -> Iterator[str]:
    model = _COMPARISON_TEXTS.get((evidence.verdict("eq-day"), evidence.verdict("gt-day")))
    if model and not has_ignored_dates(evidence):
        yield model
    if evidence.verdict("le") == "no":
        yield "columns hide fractions of a second: le to the second misses what it shows"


def _partial_date_note(evidence: Evidence) -> Iterator[str]:
    text = _PARTIAL_DATE_TEXTS.get((evidence.verdict("partial.first"), evidence.verdict("partial.later")))
    if text:
        yield f"partial dates (Condition.onset-date) are compared {text}"


def _sample_note(
    resource_type: str, feature: str, describe_outcome: Callable[[Evidence], str] | None = None
) -> _NoteWriter:
    """A sentence on what the first page of a type was asked for besides."""

    def write_note(evidence: Evidence) -> Iterator[str]:
        page = evidence.responses.get(f"{resource_type}.sample")
        if page and page.is_refused:
            yield (
                f"{feature}: refused"
                if evidence.sample_records(resource_type)
                else f"{resource_type}: searches are refused"
            )
        elif page and page.resources:
            outcome = (
                describe_outcome(evidence)
                if describe_outcome
                else _acceptance_text(page.has_complete_self_link)
            )
            yield f"{feature}: {outcome}"

    return write_note


def _acceptance_text(has_complete_self_link: bool | None) -> str:
    return "accepted, but missing from link[self]" if has_complete_self_link is False else "accepted"


def _unknown_parameter_text(evidence: Evidence) -> str:
    page = evidence.responses["Patient.sample"]
    return "ignored with a warning" if page.has_warning else "ignored without a word"


def _sort_order_text(evidence: Evidence) -> str:
    starts = [str(each.get("start", "")) for each in evidence.responses["Appointment.sample"].resources]
    return "newest first" if starts == sorted(starts, reverse=True) else "NOT IN ORDER"


_NOTE_WRITERS: Final[tuple[_NoteWriter, ...]] = (
    _bounds_note,
    _self_link_note,
    _comparison_note,
    _partial_date_note,
    _sample_note("Patient", "an unknown parameter", _unknown_parameter_text),
    _sample_note("Appointment", "_sort=-date", _sort_order_text),
    _sample_note("Observation", "_sort=-_lastUpdated"),
    _sample_note("Encounter", "date=ge1753-01-01"),
    _sample_note("Condition", "onset-date:missing"),
)
