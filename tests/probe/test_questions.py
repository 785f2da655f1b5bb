from probe.probing import known

from gateway.probe.clocks import PROBED_TYPES
from gateway.probe.questions import QUESTIONS


def test_every_question_has_its_own_id() -> None:
    ids = [question.id for question in QUESTIONS]
    assert len(ids) == len(set(ids))
    assert {f"{kind}.sample" for kind in PROBED_TYPES} < set(ids)


def test_with_nothing_known_only_records_are_asked_for() -> None:
    asked = [question.id for question in QUESTIONS if question.build_request(known())]
    assert asked == ["metadata", *(f"{kind}.sample" for kind in PROBED_TYPES[:5])]
