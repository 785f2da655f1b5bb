"""Questions about known issues: which are asked, and what is sent."""

from probe.probing import evidence_with, observation

from gateway.probe.evidence import Evidence, Verdict
from gateway.probe.issue_questions import ISSUE_QUESTIONS

SAMPLE = {"Observation": [observation("2026-06-01T11:30:00+10:00")]}


def asked(evidence: Evidence) -> dict[str, str]:
    """Path and parameters by question."""
    requests = {name: build(evidence) for name, build in ISSUE_QUESTIONS.items()}
    return {
        name: f"{request.path}?{'&'.join('='.join(pair) for pair in request.pairs)}"
        for name, request in requests.items()
        if request
    }


def test_nothing_is_asked_without_records() -> None:
    assert asked(evidence_with()) == {}


def test_inactive_patients_are_searched_by_this_criterion_alone() -> None:
    questions = asked(evidence_with(Patient=[{"resourceType": "Patient", "id": "7"}]))
    assert questions == {"inactive": "Patient?active=false&_count=20", "read": "Patient/7?"}


def test_includes_and_a_large_count_are_asked_at_one_record() -> None:
    questions = asked(evidence_with(Appointment=[{"resourceType": "Appointment", "id": "7"}]))
    assert questions == {"include": "Appointment?_id=7&_include=Appointment:patient&_count=100000"}


def test_other_formats_of_dates_are_asked_in_one_query() -> None:
    both = "Observation?_id=1&date=ge1900-01&date=lt2199-01-01T00:00:00.000Z"
    assert asked(evidence_with({"repeats": "no"}, **SAMPLE)) == {"formats": both}
    assert asked(evidence_with({"repeats": "yes"}, **SAMPLE)) == {
        "format": "Observation?_id=1&date=ge1900-01"
    }


def test_accepted_format_must_also_exclude() -> None:
    verdicts: dict[str, Verdict] = {"repeats": "no", "formats": "yes"}
    assert asked(evidence_with(verdicts, **SAMPLE))["formats.never"] == "Observation?_id=1&date=lt1900-01"
    refused: dict[str, Verdict] = {"repeats": "no", "formats": "refused"}
    assert "formats.never" not in asked(evidence_with(refused, **SAMPLE))
