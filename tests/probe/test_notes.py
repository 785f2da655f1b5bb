import pytest
from probe.probing import known

from gateway.probe.evidence import ProbeRequest, ProbeResponse, Verdict
from gateway.probe.notes import behaviour_notes


@pytest.mark.parametrize(
    ("answers", "note"),
    [
        ({"before": "yes", "after": "yes"}, "DATE CONDITIONS ARE IGNORED"),
        ({"before": "no", "after": "no"}, "ge and lt bound"),
        ({"before": "unclear"}, "_id IS NOT APPLIED"),
        ({"eq-day": "no", "gt-day": "yes"}, "naive-sql"),
        ({"eq-day": "yes", "gt-day": "no"}, "reading A"),
        ({"eq-day": "yes", "gt-day": "yes"}, "reading B"),
        ({"le": "no"}, "hide fractions"),
        ({"partial.first": "no", "partial.later": "no"}, "not at all"),
    ],
)
def test_each_answer_has_its_sentence(answers: dict[str, Verdict], note: str) -> None:
    assert note in " ".join(behaviour_notes(known(answers)))


def test_without_answers_nothing_is_said() -> None:
    assert behaviour_notes(known()) == ()


def test_repeats_missing_from_self_are_told() -> None:
    page = ProbeResponse(
        ProbeRequest("Observation", (("date", "ge1900-01-01"),), "1"), self_link_parameters=()
    )
    assert behaviour_notes(known().with_response("repeats", page)) == (
        "link[self] DOES NOT LIST all repeats of a parameter",
    )


def test_an_order_that_was_asked_for_is_checked() -> None:
    rows = [{"id": "1", "start": "2026-01-01"}, {"id": "2", "start": "2026-02-01"}]
    assert behaviour_notes(known(Appointment=rows)) == ("_sort=-date: NOT IN ORDER",)
    assert behaviour_notes(known(Appointment=rows[::-1])) == ("_sort=-date: newest first",)


def test_a_type_that_is_refused_altogether_is_told() -> None:
    refused = ProbeResponse(ProbeRequest("Condition"), is_refused=True)
    here = known().with_response("Condition.sample", refused).with_response("Condition.plain", refused)
    assert behaviour_notes(here) == ("Condition: searches are refused",)
