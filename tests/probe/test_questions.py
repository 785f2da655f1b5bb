"""Questions of a probe."""

from probe.probing import evidence_with

from gateway.probe.clocks import PROBED_TYPES
from gateway.probe.questions import QUESTIONS


def test_every_question_has_a_unique_id() -> None:
    ids = [question.id for question in QUESTIONS]
    assert len(ids) == len(set(ids))
    assert {f"{resource_type}.sample" for resource_type in PROBED_TYPES} < set(ids)


def test_questions_without_evidence_fetch_records_only() -> None:
    ids = [question.id for question in QUESTIONS if question.build_request(evidence_with())]
    assert ids == ["metadata", *(f"{resource_type}.sample" for resource_type in PROBED_TYPES[:5])]
