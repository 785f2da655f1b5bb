"""Notes of a probe."""

import pytest
from probe.probing import evidence_with

from gateway.probe.evidence import ProbeRequest, ProbeResponse, Verdict
from gateway.probe.notes import behaviour_notes


@pytest.mark.parametrize(
    ("verdicts", "note"),
    [
        ({"before": "yes", "after": "yes"}, "DATE CONDITIONS ARE IGNORED"),
        ({"before": "no", "after": "no"}, "ge and lt bound"),
        ({"before": "unclear"}, "_id IS IGNORED"),
        ({"eq-day": "no", "gt-day": "yes"}, "naive-sql"),
        ({"eq-day": "yes", "gt-day": "no"}, "reading A"),
        ({"eq-day": "yes", "gt-day": "yes"}, "reading B"),
        ({"le": "no"}, "hide fractions"),
        ({"partial.first": "no", "partial.later": "no"}, "not at all"),
    ],
)
def test_verdict_has_its_note(verdicts: dict[str, Verdict], note: str) -> None:
    assert note in " ".join(behaviour_notes(evidence_with(verdicts)))


def test_evidence_without_responses_has_no_note() -> None:
    assert behaviour_notes(evidence_with()) == ()


def test_repeats_missing_from_self_link_are_noted() -> None:
    response = ProbeResponse(
        ProbeRequest("Observation", (("date", "ge1900-01-01"),), "1"), self_link_parameters=()
    )
    assert behaviour_notes(evidence_with().with_response("repeats", response)) == (
        "link[self] DOES NOT LIST all repeats of a parameter",
    )


def test_requested_sort_order_is_checked() -> None:
    appointments = [{"id": "1", "start": "2026-01-01"}, {"id": "2", "start": "2026-02-01"}]
    assert behaviour_notes(evidence_with(Appointment=appointments)) == ("_sort=-date: NOT IN ORDER",)
    assert behaviour_notes(evidence_with(Appointment=appointments[::-1])) == ("_sort=-date: newest first",)


def test_type_without_search_is_noted() -> None:
    refused = ProbeResponse(ProbeRequest("Condition"), is_refused=True)
    evidence = (
        evidence_with().with_response("Condition.sample", refused).with_response("Condition.plain", refused)
    )
    assert behaviour_notes(evidence) == ("Condition: searches are refused",)
