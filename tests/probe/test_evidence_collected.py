import pytest
from probe.probing import known, page

from gateway.probe.evidence import ProbeRequest, ProbeResponse, Verdict


@pytest.mark.parametrize("verdict", ["yes", "no", "refused", "unclear"])
def test_an_answer_is_judged_by_the_record_asked_about(verdict: Verdict) -> None:
    assert page(verdict).verdict == verdict


def test_where_no_record_was_named_any_match_will_do() -> None:
    assert ProbeResponse(ProbeRequest("Patient"), ({"id": "1"}, {"id": "2"})).verdict == "yes"


def test_a_question_not_asked_has_no_verdict() -> None:
    assert known().verdict("comma") == "unasked"


@pytest.mark.parametrize(
    ("echoed", "echoes"), [(None, None), ((("a", "1"),), False), ((("b", "2"), ("a", "1")), True)]
)
def test_self_is_compared_with_what_was_sent(
    echoed: tuple[tuple[str, str], ...] | None, echoes: bool | None
) -> None:
    assert (
        ProbeResponse(
            ProbeRequest("Patient", (("a", "1"), ("b", "2"))), self_link_parameters=echoed
        ).has_complete_self_link
        is echoes
    )


def test_the_plain_page_stands_in_for_a_refused_one() -> None:
    refused = known().with_response("Patient.sample", ProbeResponse(ProbeRequest("Patient"), is_refused=True))
    assert refused.sample_records("Patient") == ()
    assert refused.with_response(
        "Patient.plain", ProbeResponse(ProbeRequest("Patient"), ({"id": "1"},))
    ).sample_records("Patient") == ({"id": "1"},)


@pytest.mark.parametrize("rest", [None, [], "x", [{}], [{"resource": ["x"]}]])
def test_a_strange_capability_statement_declares_nothing(rest: object) -> None:
    stated = ProbeResponse(ProbeRequest("metadata"), ({"resourceType": "CapabilityStatement", "rest": rest},))
    assert known().with_response("metadata", stated).declared_resources == ()
