"""Evidence of a probe."""

import pytest
from probe.probing import evidence_with, response_with_verdict

from gateway.probe.evidence import ProbeRequest, ProbeResponse, Verdict


@pytest.mark.parametrize("verdict", ["yes", "no", "refused", "unclear"])
def test_verdict_depends_on_the_record_of_the_request(verdict: Verdict) -> None:
    assert response_with_verdict(verdict).verdict == verdict


def test_request_without_record_accepts_any_match() -> None:
    assert ProbeResponse(ProbeRequest("Patient"), ({"id": "1"}, {"id": "2"})).verdict == "yes"


def test_question_without_response_is_unasked() -> None:
    assert evidence_with().verdict("comma") == "unasked"


@pytest.mark.parametrize(
    ("parameters", "is_complete"), [(None, None), ((("a", "1"),), False), ((("b", "2"), ("a", "1")), True)]
)
def test_self_link_is_compared_with_the_request(
    parameters: tuple[tuple[str, str], ...] | None, is_complete: bool | None
) -> None:
    request = ProbeRequest("Patient", (("a", "1"), ("b", "2")))
    assert ProbeResponse(request, self_link_parameters=parameters).has_complete_self_link is is_complete


def test_plain_page_replaces_a_refused_sample() -> None:
    refused = evidence_with().with_response(
        "Patient.sample", ProbeResponse(ProbeRequest("Patient"), is_refused=True)
    )
    assert refused.sample_records("Patient") == ()
    plain = ProbeResponse(ProbeRequest("Patient"), ({"id": "1"},))
    assert refused.with_response("Patient.plain", plain).sample_records("Patient") == ({"id": "1"},)


@pytest.mark.parametrize("rest", [None, [], "x", [{}], [{"resource": ["x"]}]])
def test_malformed_capability_statement_declares_nothing(rest: object) -> None:
    statement = {"resourceType": "CapabilityStatement", "rest": rest}
    response = ProbeResponse(ProbeRequest("metadata"), (statement,))
    assert evidence_with().with_response("metadata", response).declared_resources == ()
