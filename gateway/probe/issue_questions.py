"""Questions about known issues that only a request can show, and about the form of responses."""

from collections.abc import Mapping
from typing import Final

from gateway.probe.evidence import Evidence, ProbeRequest
from gateway.probe.question_builders import RequestBuilder, fixed_value, only_if, point_conditions
from gateway.probe.verdicts import can_repeat_parameters

#: Larger than any maximum that a server is likely to have.
LARGE_COUNT: Final = "100000"
#: Parameter and value of the question about includes.
INCLUDE: Final = ("_include", "Appointment:patient")
#: Always true, and never true, in formats of R4 that Halo documents as not accepted.
_OTHER_FORMATS: Final = fixed_value("ge1900-01"), fixed_value("lt2199-01-01T00:00:00.000Z")
_NEVER_TRUE: Final = fixed_value("lt1900-01")


def _inactive_patients(_: Evidence) -> ProbeRequest:
    """Return the search for inactive patients, by this criterion alone."""
    return ProbeRequest("Patient", (("active", "false"), ("_count", "20")))


def _are_formats_accepted(evidence: Evidence) -> bool:
    return "yes" in (evidence.verdict("formats"), evidence.verdict("format"))


def _included_page(evidence: Evidence) -> ProbeRequest | None:
    """Return a page of one Appointment with its patient and a large `_count`, whose links show both."""
    records = evidence.sample_records("Appointment")
    if not records:
        return None
    pairs = (("_id", str(records[0]["id"])), INCLUDE, ("_count", LARGE_COUNT))
    return ProbeRequest("Appointment", pairs)


def _single_patient(evidence: Evidence) -> ProbeRequest | None:
    """Return the read of a patient, whose header fields show the version."""
    records = evidence.sample_records("Patient")
    return ProbeRequest(f"Patient/{records[0]['id']}") if records else None


def _cannot_repeat(evidence: Evidence) -> bool:
    return not can_repeat_parameters(evidence)


#: Questions by id.
ISSUE_QUESTIONS: Final[Mapping[str, RequestBuilder]] = {
    "inactive": only_if(lambda evidence: bool(evidence.sample_records("Patient")), _inactive_patients),
    "formats": only_if(can_repeat_parameters, point_conditions(*_OTHER_FORMATS)),
    "format": only_if(_cannot_repeat, point_conditions(_OTHER_FORMATS[0])),
    "formats.never": only_if(_are_formats_accepted, point_conditions(_NEVER_TRUE)),
    "include": _included_page,
    "read": _single_patient,
}
