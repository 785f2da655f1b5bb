"""Notes of a probe about behaviour without a setting."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gateway.probe.evidence import Evidence, ProbeResponse, Verdict
from gateway.probe.verdicts import can_repeat_parameters, has_ignored_dates

_NoteWriter = Callable[[Evidence], Iterator[str]]
_OutcomeWriter = Callable[[ProbeResponse], str]

_COMPARISON_TEXTS: Final[Mapping[tuple[Verdict, Verdict], str]] = {
    ("no", "yes"): "dates are compared as in plain SQL (naive-sql): a day means its midnight",
    ("yes", "no"): "dates are compared as R4's ranges; gt of a day begins after the day (reading A)",
    ("yes", "yes"): "dates are compared as R4's ranges; gt of a day begins with the day (reading B)",
}
_PARTIAL_DATE_TEXTS: Final[Mapping[tuple[Verdict, Verdict], str]] = {
    ("yes", "no"): "as the first instant of their year or month",
    ("yes", "yes"): "as the whole year or month",
    ("no", "no"): "not at all: no condition matches them",
}


def behaviour_notes(evidence: Evidence) -> tuple[str, ...]:
    """Return the notes. Warnings are in upper case."""
    return tuple(text for write_note in _NOTE_WRITERS for text in write_note(evidence))


def _bounds_note(evidence: Evidence) -> Iterator[str]:
    if has_ignored_dates(evidence):
        yield "DATE CONDITIONS ARE IGNORED: lt and ge matched the same record; date searches are not reliable"
    elif (evidence.verdict("before"), evidence.verdict("after")) == ("no", "no"):
        yield "ge and lt bound a known second on both sides"
    elif any(response.verdict == "unclear" for response in evidence.responses.values()):
        yield "_id IS IGNORED: questions about one record have no result"


def _self_link_note(evidence: Evidence) -> Iterator[str]:
    response = evidence.responses.get("repeats")
    if response and can_repeat_parameters(evidence) and response.has_complete_self_link is not None:
        verb = "lists" if response.has_complete_self_link else "DOES NOT LIST"
        yield f"link[self] {verb} all repeats of a parameter"


def _comparison_note(evidence: Evidence) -> Iterator[str]:
    text = _COMPARISON_TEXTS.get((evidence.verdict("eq-day"), evidence.verdict("gt-day")))
    if text and not has_ignored_dates(evidence):
        yield text
    if evidence.verdict("le") == "no":
        yield "columns hide fractions of a second: le of the second shown does not match"


def _partial_date_note(evidence: Evidence) -> Iterator[str]:
    text = _PARTIAL_DATE_TEXTS.get((evidence.verdict("partial.first"), evidence.verdict("partial.later")))
    if text:
        yield f"partial dates (Condition.onset-date) are compared {text}"


def _acceptance_text(response: ProbeResponse) -> str:
    return "accepted, but missing from link[self]" if response.has_complete_self_link is False else "accepted"


def _sample_note(
    resource_type: str, feature: str, describe_outcome: _OutcomeWriter = _acceptance_text
) -> _NoteWriter:
    """Return a writer of the note about the feature that the first page of a type uses."""

    def write_note(evidence: Evidence) -> Iterator[str]:
        response = evidence.responses.get(f"{resource_type}.sample")
        if response and response.is_refused:
            is_only_feature = bool(evidence.sample_records(resource_type))
            yield f"{feature}: refused" if is_only_feature else f"{resource_type}: searches are refused"
        elif response and response.resources:
            yield f"{feature}: {describe_outcome(response)}"

    return write_note


def _unknown_parameter_text(response: ProbeResponse) -> str:
    return "ignored with a warning" if response.has_warning else "ignored without a warning"


def _sort_order_text(response: ProbeResponse) -> str:
    starts = [str(resource.get("start", "")) for resource in response.resources]
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
