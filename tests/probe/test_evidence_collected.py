import pytest
from probe.probing import known, page

from gateway.probe.evidence import Asked, Page, Verdict


@pytest.mark.parametrize("verdict", ["yes", "no", "refused", "unclear"])
def test_an_answer_is_judged_by_the_record_asked_about(verdict: Verdict) -> None:
    assert page(verdict).verdict == verdict


def test_where_no_record_was_named_any_match_will_do() -> None:
    assert Page(Asked("Patient"), ({"id": "1"}, {"id": "2"})).verdict == "yes"


def test_a_question_not_asked_has_no_verdict() -> None:
    assert known().verdict("comma") == "unasked"


@pytest.mark.parametrize(
    ("echoed", "echoes"), [(None, None), ((("a", "1"),), False), ((("b", "2"), ("a", "1")), True)]
)
def test_self_is_compared_with_what_was_sent(
    echoed: tuple[tuple[str, str], ...] | None, echoes: bool | None
) -> None:
    assert Page(Asked("Patient", (("a", "1"), ("b", "2"))), echoed=echoed).echoes is echoes


def test_the_plain_page_stands_in_for_a_refused_one() -> None:
    refused = known().told("Patient.sample", Page(Asked("Patient"), refused=True))
    assert refused.sample("Patient") == ()
    assert refused.told("Patient.plain", Page(Asked("Patient"), ({"id": "1"},))).sample("Patient") == (
        {"id": "1"},
    )


@pytest.mark.parametrize("rest", [None, [], "x", [{}], [{"resource": ["x"]}]])
def test_a_strange_capability_statement_declares_nothing(rest: object) -> None:
    stated = Page(Asked("metadata"), ({"resourceType": "CapabilityStatement", "rest": rest},))
    assert known().told("metadata", stated).declared == ()
